"""Pruning in one call: trains under masks, then shows what is left; beside sanity arms if asked."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ml_collections

from effjax.compress.arms import ARMS
from effjax.compress.record import PICTURE, read_record
from effjax.compress.task import UnderMasks
from effjax.errors import UserError
from effjax.report import Display, format_count, format_table
from effjax.runs.folder import read_summary
from effjax.tasks.registry import find_task
from effjax.tasks.run import train
from effjax.trials.outcome import read_result
from effjax.trials.paired import PairedTable
from effjax.trials.runs_table import write_runs
from effjax.trials.trial import RunTrial
from effjax.trials.worker import is_over, train_trial

METRIC = "val/top1"
DENSE = "dense"
SEEDS = 3  # of a comparison


def check_is_compression(config: ml_collections.ConfigDict) -> None:
    """Refuses a config whose task prunes nothing.

    Raises:
      UserError: saying which configs do.
    """
    if not issubclass(find_task(config.task.name), UnderMasks):
        raise UserError(
            f"task {config.task.name!r} prunes nothing; give a config such as\n"
            "--config=configs/compress/prune_digits.py"
        )


def compress(
    config: ml_collections.ConfigDict,
    workdir: Path,
    extend: bool,
    display: Display,
) -> dict[str, Any]:
    """Prunes and trains, or continues the run in `workdir`, and shows what is left.

    Returns:
      What is in summary.json.

    Raises:
      UserError: the config is no compression, or cannot be run.
    """
    check_is_compression(config)
    summary = train(config, workdir, extend=extend, display=display)
    show([(config.task.get("arm", ARMS[0]), workdir, summary)], display)
    display.line(f"picture: {workdir / PICTURE}")
    return summary


def compare(
    config: ml_collections.ConfigDict,
    folder: Path,
    display: Display,
    seeds: int = SEEDS,
) -> PairedTable:
    """Trains the method beside its sanity arms and the dense network; the same folder continues.

    Args:
      config: of the method; its seed is the first of `seeds`.
      folder: of the runs, ARM/seedN, and of runs.csv.

    Returns:
      The arms' accuracies, with differences from the method seed by seed.
    """
    check_is_compression(config)
    if seeds < 1:
        raise UserError(f"--seeds={seeds}; give 1 or more")
    trials = []
    results = []
    for seed in range(config.seed, config.seed + seeds):
        for arm in (*ARMS, DENSE):
            own = arm_config(config, arm, seed)
            workdir = folder / arm / f"seed{seed}"
            trial = RunTrial(variant=arm, seed=seed, config=own, workdir=workdir)
            trials.append(trial)
            if not is_over(workdir):
                display.line(f"{arm}, seed {seed}:")
                train_trial(own, workdir, display)
            results.append(read_result(trial, METRIC))
            write_runs(folder, METRIC, results)
    # what is kept is told of the first seed; it is alike in the others
    rows = []
    for trial in trials[: len(ARMS) + 1]:
        summary = read_summary(trial.workdir)
        if summary is not None:
            rows.append((trial.variant, trial.workdir, summary))
    show(rows, display)
    table = PairedTable(results, METRIC, base=ARMS[0])
    header, body = table.cells()
    display.table(f"{METRIC} at the end", body, header, right=range(1, len(header) - 1))
    for result in results:
        if result.reason:
            display.warn(f"{result.trial.variant}, seed {result.trial.seed}: {result.reason}")
    return table


def arm_config(
    config: ml_collections.ConfigDict,
    arm: str,
    seed: int,
) -> ml_collections.ConfigDict:
    """The config of an arm: the same training under other masks, or under none."""
    own = copy.deepcopy(config)
    own.seed = seed
    if arm == DENSE:
        own.task.update(density=1.0, arm=ARMS[0], method="magnitude", rounds=1)
    else:
        own.task.arm = arm
    return own


Row = tuple[str, Path, dict[str, Any]]  # (arm, folder, summary)


def show(
    rows: Sequence[Row],
    display: Display,
) -> None:
    """A table of what is kept, what lies on a path, and how well it does."""
    header = ["arm", "kept", "weights", "on a path", "nodes", "ln paths", "top-1"]
    lines = []
    for arm, workdir, summary in rows:
        record = read_record(workdir)
        paths = record["paths"] if isinstance(record["paths"], dict) else {}
        kept = sum(layer["kept"] for layer in record["layers"].values())
        lines.append(
            [
                arm,
                f"{100 * record['density']:.3g} %",
                format_count(kept),
                _number(paths.get("live_weights"), format_count),
                _number(paths.get("live_nodes"), str),
                _number(paths.get("log_paths"), "{:.2f}".format),
                _number(_accuracy(summary), "{:.2f}".format),
            ]
        )
    for line in format_table(lines, header, right=range(1, len(header))):
        display.line(line)


def _number(
    value: Any,
    show_it: Any,
) -> str:
    return "-" if value is None else show_it(value)


def _accuracy(summary: dict[str, Any]) -> float | None:
    """The last measured top-1, in percent; of an average where there is one."""
    measured = {name: value for name, value in summary["final"].items() if name.endswith("/top1")}
    if not measured:
        return None
    value = list(measured.values())[-1]
    return 100 * value if value <= 1 else value
