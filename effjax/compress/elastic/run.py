"""`effjax compress` with the config of an elastic network: trains it, and shows what it holds."""

from pathlib import Path
from typing import Any

import ml_collections

from effjax.compress.elastic.curve import measure_curve
from effjax.compress.elastic.measure import open_trained
from effjax.compress.elastic.task import ElasticClassification
from effjax.errors import UserError
from effjax.report import Display
from effjax.runs.record import read_config
from effjax.tasks.registry import find_task
from effjax.tasks.run import train


def is_elastic(config: ml_collections.ConfigDict) -> bool:
    """Whether a config trains an elastic network."""
    return issubclass(find_task(config.task.name), ElasticClassification)


def check_is_elastic(config: ml_collections.ConfigDict) -> None:
    """Refuses a config of another task.

    Raises:
      UserError: saying which configs are elastic.
    """
    if not is_elastic(config):
        raise UserError(
            f"task {config.task.name!r} trains no elastic network; give a config such as\n"
            "--config=configs/compress/once_for_all_digits.py"
        )


def is_elastic_run(workdir: Path) -> bool:
    """Whether a folder is the run of an elastic network; False where there is no run."""
    stored = read_config(workdir)
    if stored is None:
        return False
    return issubclass(find_task(stored["task"]["name"]), ElasticClassification)


def train_elastic(
    config: ml_collections.ConfigDict,
    workdir: Path,
    extend: bool,
    display: Display,
) -> dict[str, Any]:
    """Trains an elastic network, or goes on with it, and measures some of its sub-networks.

    Returns:
      What is in summary.json.
    """
    summary = train(config, workdir, extend=extend, display=display)
    measure_curve(open_trained(workdir, display), workdir, display)
    display.line(f"cut one out: effjax compress --workdir={workdir} --budget=macs:0.3x")
    return summary
