"""Looks at runs, one measure after another, and writes down what was found."""

import itertools
import json
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from effjax.analyse import curvature, gap, noise, sharpness, slices, stability  # noqa: F401
from effjax.analyse.pictures import draw
from effjax.analyse.settings import MEASURES, Found, Settings
from effjax.analyse.subject import Subject, open_subject
from effjax.errors import UserError, nearest
from effjax.report import Display
from effjax.report.pace import format_seconds
from effjax.runs.atomic import write_atomically
from effjax.runs.best import Step

ANALYSIS = "analysis.json"
# all but what trains anew
USUAL = ("curvature", "sharpness", "slices", "noise", "gap")

USUAL_SETTINGS = Settings()

Results = dict[str, dict[str, Found]]  # measure -> run -> what was found


def analyse(
    workdirs: Sequence[Path],
    display: Display,
    what: Sequence[str] = (),
    settings: Settings = USUAL_SETTINGS,
    out: Path | None = None,
    step: Step = None,
    at_loss: float | None = None,
) -> dict[str, Any]:
    """Looks at runs side by side.

    Args:
      workdirs: the runs' folders.
      what: names of measures; none: all but those that train anew or that a task has not.
      out: folder of pictures and analysis.json; None: "analysis" in the run's folder, or here
        for several runs.
      step, at_loss: which checkpoint, see `open_subject`.

    Returns:
      What analysis.json holds.

    Raises:
      UserError: an unknown measure, or anything that is no run.
    """
    workdirs = list(dict.fromkeys(workdirs))  # each once, in the order given
    check_names(what)
    names = short_names(workdirs)
    display.waiting("opening the runs")
    subjects = []
    for workdir, name in zip(workdirs, names):
        subjects.append(open_subject(workdir, name, settings.examples, display, step, at_loss))
    chosen = list(what) or usual(subjects)
    results = look(subjects, chosen, settings, display)
    folder = out or (workdirs[0] / "analysis" if len(workdirs) == 1 else Path("analysis"))
    folder.mkdir(parents=True, exist_ok=True)
    content = as_json(subjects, results, settings)
    write_atomically(folder / ANALYSIS, json.dumps(content, indent=1) + "\n")
    for measure, found in results.items():
        show(measure, found, display)
    for measure, found in results.items():
        picture = draw(measure, found, folder)
        if picture is not None:
            display.line(f"picture: {picture}")
    display.line(f"all numbers: {folder / ANALYSIS}")
    return content


def check_names(what: Sequence[str]) -> None:
    """Refuses a name of no measure."""
    for name in what:
        if name not in MEASURES:
            known = nearest(name, MEASURES)
            raise UserError(f"--what={name} is no measure; {known}\nsee: effjax analyse --help")


def usual(subjects: Sequence[Subject]) -> list[str]:
    """What is looked at where nothing is asked for."""
    has_held_out = all(subject.held_out is not None for subject in subjects)
    return [name for name in USUAL if name != "gap" or has_held_out]


def short_names(workdirs: Sequence[Path]) -> list[str]:
    """Names for tables: the paths below the folder that all have in common."""
    parents = [workdir.absolute().parent for workdir in workdirs]
    base = os.path.commonpath(parents)
    return [os.path.relpath(workdir.absolute(), base) for workdir in workdirs]


def look(
    subjects: Sequence[Subject], chosen: Sequence[str], settings: Settings, display: Display
) -> Results:
    """Every measure on every run."""
    results: Results = {name: {} for name in chosen}
    total = len(chosen) * len(subjects)
    for number, (subject, name) in enumerate(itertools.product(subjects, chosen), 1):
        entry = MEASURES[name]
        passes = entry.passes(subject, settings)
        began = time.monotonic()
        display.line(f"{subject.name}: {name} ({number} of {total}), {passes} passes")
        subject.examples.passes = 0
        subject.examples.watch = _watch(display, name, passes)
        results[name][subject.name] = entry.look(subject, settings)
        took = format_seconds(time.monotonic() - began)
        display.line(f"{subject.name}: {name} in {took}", "dim")
    return results


def _watch(display: Display, name: str, total: int) -> Callable[[int], None]:
    """Shows how many passes over the examples a measure has made, and how long it has left."""

    def begin_pass(number: int) -> None:
        made = number - 1
        if made == 0:
            display.waiting(f"compiling {name}")
        elif made == 1:  # counted from here: the first pass compiled
            display.start(total, made, unit=f"{name}, pass")
        else:
            display.update(min(made, total), {})

    return begin_pass


def show(measure: str, found: dict[str, Found], display: Display) -> None:
    """A table: one row a number, one column a run."""
    labels: dict[str, None] = {}
    for result in found.values():
        labels |= dict.fromkeys(result.values)
    rows = []
    for label in labels:
        cells = [in_words(result.values.get(label)) for result in found.values()]
        rows.append((label, *cells))
    header = ("", *found)
    display.table(f"{measure}: {MEASURES[measure].line}", rows, header, right=range(1, len(header)))


def in_words(value: float | None) -> str:
    """A number of a table."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "-"
    return f"{value:.4g}"


def as_json(subjects: Sequence[Subject], results: Results, settings: Settings) -> dict[str, Any]:
    """Everything that was found; what is not finite is null."""
    runs: dict[str, Any] = {}
    for subject in subjects:
        runs[subject.name] = {"step": subject.step}
        for measure, found in results.items():
            own = found[subject.name]
            runs[subject.name][measure] = {
                "values": {name.strip(): v for name, v in own.values.items()},
                "curves": own.curves,
            }
    return finite({"settings": asdict(settings), "runs": runs})


def finite(tree: Any) -> Any:
    """A tree of JSON with null for numbers that JSON has not."""
    if isinstance(tree, dict):
        return {str(key): finite(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [finite(value) for value in tree]
    if isinstance(tree, float) and not math.isfinite(tree):
        return None
    return tree
