"""From the name of a set of weights to a local file."""

import contextlib
from pathlib import Path

from effjax.config import as_path
from effjax.errors import UserError
from effjax.models.registry import list_models, pretrained

FILE = "model.safetensors"  # of a repository, where none is named


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
    repository, _, file = text.removeprefix("hub:").partition(":")
    return _download(text, repository, file or FILE)


def fetch_with_companion(source: str | Path) -> Path:
    """As `fetch`, and beside weights of a hub the F.json that `effjax convert --push` wrote.

    Raises UserError as `fetch`; a repository without such a file is fine.
    """
    weights = fetch(source)
    text = str(source)
    if text.startswith("hub:"):
        repository, _, file = text.removeprefix("hub:").partition(":")
        companion = Path(file or FILE).with_suffix(".json")
        with contextlib.suppress(UserError):
            _download(text, repository, str(companion))
    return weights


def _download(text: str, repository: str, file: str) -> Path:
    """A file of a repository, through the hub's cache; `text` names it in messages."""
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    except ImportError:
        raise UserError(
            f"{text} is fetched by the hub client: pip install 'effjax[hub]', or give a local file"
        ) from None
    try:
        return Path(hf_hub_download(repository, file))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as problem:
        reason = str(problem).strip().splitlines()[0]
        raise UserError(
            f"cannot fetch {text} ({reason}):\n"
            "check the name and the network, or download the file and give its path"
        ) from None
