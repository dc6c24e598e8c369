"""What a run begins with: its compiled step, and a state of a checkpoint, a run or weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from effjax.config import View
from effjax.errors import UserError
from effjax.report import Display
from effjax.runs.checkpoints import Checkpoints
from effjax.training.continue_from import continue_from
from effjax.training.programs import Programs
from effjax.training.setup import Setup, check_all_read, unread_keys


def check_one_start(config: View) -> None:
    """Refuses a run that is to start from two things."""
    if config.continue_from is not None and config.init_from is not None:
        raise UserError("config.continue_from and config.init_from are both set; give one of them")


def compile_ahead(setup: Setup, programs: Programs, newest: int | None) -> None:
    """Has XLA compile what the run begins with, while the main thread goes on.

    Args:
      newest: the step of the checkpoint that the run continues; None: there is none.

    Raises:
      UserError: keys that nothing reads; nothing was initialised or compiled then.
    """
    config = setup.config
    is_fresh = newest is None
    later = read_by_loading(config)
    # an optimizer of no group; what else is unread may be read while the step is traced
    check_all_read(config, only=("optim.",))
    if not setup.runner.lowers_shapes:
        return  # the step is traced once the state is there
    if is_fresh and not unread_keys(config, besides=later):
        setup.fresh.compile_ahead()  # while the step is traced
    variant = setup.task.variant(newest or 0)
    programs.trace(variant, setup.abstract)  # from shapes alone
    check_all_read(config, besides=later)
    # weights that do not fit are refused at once, and not after minutes of compiling
    may_be_refused = is_fresh and later
    if not may_be_refused:
        programs.compile_ahead(variant)


def read_by_loading(config: View) -> tuple[str, ...]:
    """How the keys begin that may be read only where weights are loaded; (): none are."""
    loads = config.init_from is not None or config.continue_from is not None
    return ("init_", "task.") if loads else ()


def starting_state(
    setup: Setup, checkpoints: Checkpoints, start: int | None, workdir: Path, display: Display
) -> Any:
    """The state as the runner holds it: of a checkpoint, of `init_from`, or fresh.

    Args:
      start: the step of the checkpoint; None: there is none.
    """
    init_from = setup.config.init_from
    place = setup.runner.place
    if start is not None:
        state = checkpoints.load(start, setup.abstract)
        display.line(f"continuing {workdir} from step {start}")
        return place(state)
    state = setup.fresh()
    source = setup.config.continue_from
    if source is not None:
        return place(continue_from(setup, state, source, display))
    if init_from is None:
        return place(state)
    # whole: a file of weights knows nothing of how they are divided over devices
    params, model_state = setup.runner.whole((state.params, state.model_state))
    params, model_state, report = setup.task.load(params, model_state, init_from)
    display.line(f"started from {init_from}: {_in_words(report)}")
    return place(setup.restart(state, params, model_state))


def _in_words(report: Mapping[str, Any]) -> str:
    counts = [f"{len(names)} {kind}" for kind, names in report.items() if names]
    return ", ".join(counts)
