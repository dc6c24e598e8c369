"""bad_batch.json: the examples of an update that was not finite."""

import json
from pathlib import Path
from typing import Any

from effjax.contract import Source
from effjax.devices.hosts import is_writer
from effjax.runs.atomic import write_atomically
from effjax.runs.folder import BAD_BATCH


def write_bad_batch(workdir: Path, step: int, source: Source, values: dict[str, float]) -> Path:
    """Names the examples of update `step` in WORKDIR/bad_batch.json.

    Where the source knows its examples (`rows`), they are listed in the order of the batch, with
    their place in the data set.

    Args:
      workdir: the run's folder.
      step: the number of the update, from 1.
      source: where the batch came from.
      values: the metrics of the update.

    Returns:
      The path of the file; hosts that do not write return it too.
    """
    path = workdir / BAD_BATCH
    batch = step - 1  # update 1 takes batch 0
    record: dict[str, Any] = {"update": step, "batch": batch}
    for name, value in values.items():
        record[name] = repr(value)  # JSON has no NaN
    if hasattr(source, "rows"):
        record["examples"] = source.rows(batch)
    if is_writer():
        write_atomically(path, json.dumps(record, indent=2) + "\n")
    return path
