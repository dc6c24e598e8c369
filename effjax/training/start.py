"""The state with which a run begins: of a checkpoint, a run or weights, or a fresh one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from effjax.config import View
from effjax.errors import UserError
from effjax.report import Display
from effjax.runs.checkpoints import Checkpoints
from effjax.training.continue_from import continue_from
from effjax.training.setup import Setup


def check_one_start(config: View) -> None:
    """Refuses a run that is to start from two things."""
    if config.continue_from is not None and config.init_from is not None:
        raise UserError("config.continue_from and config.init_from are both set; give one of them")


def starting_state(
    setup: Setup, checkpoints: Checkpoints, workdir: Path, display: Display
) -> tuple[int, Any]:
    """(step, state as the runner holds it): of a checkpoint, of `init_from`, or fresh."""
    init_from = setup.config.init_from
    place = setup.runner.place
    display.waiting("initialising")
    start = checkpoints.newest_sound()
    if start is not None:
        state = checkpoints.load(start, setup.abstract)
        display.line(f"continuing {workdir} from step {start}")
        return start, place(state)
    state = setup.fresh()
    source = setup.config.continue_from
    if source is not None:
        return 0, place(continue_from(setup, state, source, display))
    if init_from is None:
        return 0, place(state)
    # whole: a file of weights knows nothing of how they are divided over devices
    params, model_state = setup.runner.whole((state.params, state.model_state))
    params, model_state, report = setup.task.load(params, model_state, init_from)
    display.line(f"started from {init_from}: {_in_words(report)}")
    return 0, place(setup.restart(state, params, model_state))


def _in_words(report: Mapping[str, Any]) -> str:
    counts = [f"{len(names)} {kind}" for kind, names in report.items() if names]
    return ", ".join(counts)
