"""From the name of a set of weights to a local file."""

from pathlib import Path

from effjax.config import as_path
from effjax.errors import UserError
from effjax.models.registry import list_models, pretrained


def fetch(source: str | Path) -> Path:
    """The local file of `source`, downloaded through the hub's cache where that is needed.

    Args:
        source: a path, a published name such as "caformer_s18.sail_in1k", or
            "hub:<repository>[:<file>]" (the default file is model.safetensors). HF_HUB_OFFLINE=1
            takes what the cache holds and asks nobody.

    Raises UserError if the hub client is not installed or cannot give the file.
    """
    text = str(source)
    if text in list_models(pretrained=True):
        text = pretrained(text).source
    if not text.startswith("hub:"):
        return as_path(source)
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    except ImportError:
        raise UserError(
            f"{text} is fetched by the hub client: pip install 'effjax[hub]', or give a local file"
        ) from None
    repository, _, file = text.removeprefix("hub:").partition(":")
    try:
        return Path(hf_hub_download(repository, file or "model.safetensors"))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as problem:
        reason = str(problem).strip().splitlines()[0]
        raise UserError(
            f"cannot fetch {text} ({reason}):\n"
            "check the name and the network, or download the file and give its path"
        ) from None
