"""Folders on this machine, or in a bucket."""

from pathlib import Path
from typing import Any

from effjax.errors import UserError


def is_remote(place: Any) -> bool:
    """Whether a path is in a bucket (gs://), where there are whole objects only: no appending."""
    return "://" in str(place)


def as_path(place: str | Path) -> Path:
    """A path of this machine, or one in a Google Cloud Storage bucket with the same methods.

    Raises:
      UserError: another kind of address, or gs:// without the packages that it needs.
    """
    text = str(place)
    if text.startswith("gs:/") and not text.startswith("gs://"):
        # `Path` makes one slash of two: somewhere a bucket was taken for a folder
        raise UserError(f"{text} has one slash; give gs://BUCKET/FOLDER")
    if not is_remote(text):
        return Path(place)
    names_bucket = text.startswith("gs://") and text.removeprefix("gs://").strip("/")
    if not names_bucket:
        raise UserError(f"{text} is no place for a run; give a folder, or gs://BUCKET/FOLDER")
    try:
        import fsspec
        import gcsfs  # noqa: F401
    except ImportError as error:
        raise UserError(f"{text} needs more packages: pip install 'effjax[gcs]'") from error
    from etils import epath

    # checkpoints are written past gcsfs, whose remembered listings would be wrong
    fsspec.config.conf.setdefault("gcs", {})["use_listings_cache"] = False
    return epath.Path(text)
