"""`effjax convert --push`: a folder with weights, companion and page, and its way to a hub."""

import re
from pathlib import Path
from typing import Any

from effjax.errors import UserError
from effjax.export.model_card import model_page, read_facts
from effjax.export.write import export
from effjax.report import Display, format_bytes
from effjax.runs.atomic import write_atomically
from effjax.trained.network import Trained

WEIGHTS = "model.safetensors"
PAGE = "README.md"
REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
HUB = "https://huggingface.co"


def publish(
    trained: Trained,
    repository: str,
    folder: Path,
    display: Display,
    licence: str | None = None,
    private: bool = False,
    dry_run: bool = False,
) -> Path:
    """Writes what is to be published into a folder and, unless `dry_run`, uploads the folder.

    Args:
      repository: "organisation/name" on the hub; made if it is not there.
      folder: gets model.safetensors, model.json and README.md.
      licence: of the weights, as the hub calls it, such as "apache-2.0".
      private: only the organisation sees it.

    Returns:
      The folder.

    Raises:
      UserError: no such name, no hub client, or the hub or the disk refuses.
    """
    if not REPOSITORY.fullmatch(repository):
        raise UserError(f"--push={repository}: expected ORGANISATION/NAME, such as me/photos")
    # before minutes of writing: without the client nothing can be sent
    api = None if dry_run else _hub_client()
    if licence is None:
        display.warn("no licence is stated; give --licence=apache-2.0, or another one")
    export(trained, "safetensors", folder / WEIGHTS, display)
    text = model_page(trained, read_facts(Path(trained.name)), repository, licence)
    write_atomically(folder / PAGE, text)
    files = [path for path in sorted(folder.iterdir()) if path.is_file()]
    rows = [(path.name, format_bytes(path.stat().st_size)) for path in files]
    display.table(f"{folder}, to be published as {repository}", rows)
    if api is None:
        display.line(f"nothing was sent; read {folder / PAGE}, and leave out --dry-run")
        return folder
    display.waiting(f"sending to {HUB}/{repository}")
    _upload(api, repository, folder, [path.name for path in files], private)
    display.line(f"published: {HUB}/{repository}")
    return folder


def _hub_client() -> Any:
    try:
        from huggingface_hub import HfApi
    except ImportError:
        raise UserError(
            "--push sends by the hub client: pip install 'effjax[hub]'\n"
            "--dry-run writes the folder without it"
        ) from None
    return HfApi()


def _upload(api: Any, repository: str, folder: Path, names: list[str], private: bool) -> None:
    """Sends the files; the token is the user's own, as the client keeps it."""
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        api.upload_folder(
            repo_id=repository,
            folder_path=str(folder),
            allow_patterns=names,  # nothing else that lies there
            commit_message="Publish with effjax convert --push",
        )
    except Exception as error:  # the client raises errors of many types
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise UserError(
            f"--push={repository}: the hub refuses: {reason}\n"
            f"log in with: hf auth login; what was to be sent is in {folder}"
        ) from error
