"""`effjax compress --ratios=search`: cuts the network of a run to shares that an agent has found.

effjax compress --workdir=runs/quickstart --budget=macs:0.5x --ratios=search
"""

import math
from pathlib import Path
from typing import Any

from effjax.compress.cut import BLOCKS, check_method, show_how_on, with_images
from effjax.compress.cut_record import PICTURE, Costs, show, write_cut
from effjax.compress.gates.methods import GATES
from effjax.compress.images import first_batches, loss_on
from effjax.compress.narrow import NEEDS_GRADIENTS, importances, read_budget
from effjax.compress.ratios import IMAGES, check_unit, searched
from effjax.compress.sites import sites_of
from effjax.errors import UserError
from effjax.report import Display
from effjax.tasks.trained_network import refuse_other_targets


def search_cut(
    workdir: Path,
    out: Path,
    amount: str,
    method: str,
    evaluations: int,
    display: Display,
) -> Costs:
    """Cuts the network of a run to the best shares that were tried, and writes what is left.

    Args:
      workdir, out, amount: see `cut_run`.
      method: a registered importance, which says which channels of a group stay.
      evaluations: so many choices are tried.

    Returns:
      {unit: (before, after)}.

    Raises:
      UserError: as `cut_run`; gates or blocks; too few images.
    """
    check_method(method)
    if method in (*GATES.entries, BLOCKS):
        raise UserError(f"--ratios=search is for importances of channels, not for {method}")
    if evaluations < 1:
        raise UserError(f"--evaluations={evaluations}: give 1 or more")
    budget = read_budget(amount)
    check_unit(budget.unit)
    refuse_other_targets(workdir, "the run", "class")

    task, variables = with_images(workdir)
    batches = _batches(task)
    model = task.model
    sites = sites_of(model, variables)
    loss = loss_on(model, variables, batches[1:]) if method in NEEDS_GRADIENTS else None
    scores = importances(method, sites, variables, loss)
    seed = task.config.seed
    found, notes = searched(model, variables, scores, budget, batches, evaluations, seed, display)
    write_cut(task.config.model.name, found, sites, method, amount, out, search=notes)
    show(found.costs, display)
    _show_ratios(notes, found.kept, {site.group.name: site.group.size for site in sites}, display)
    display.line(f"picture: {out / PICTURE}")
    show_how_on(workdir, out, display)
    return found.costs


def _batches(task: Any) -> list:
    """One batch for the fit, and others, which it has not seen, of `IMAGES` in all."""
    wanted = math.ceil(IMAGES / task.split.batch_size)
    held_out = min(wanted, task.split.steps_per_epoch - 1)
    if held_out < 1:
        raise UserError(
            "--ratios=search fits layers on one batch of training images and scores them on "
            "others; this run has one batch an epoch"
        )
    return first_batches(task, 1 + held_out)


def _show_ratios(
    notes: dict[str, Any],
    kept: dict[str, list[int]],
    sizes: dict[str, int],
    display: Display,
) -> None:
    rows = []
    for name, size in sizes.items():
        stay = len(kept[name]) if name in kept else size
        rows.append((name, f"{stay} of {size}", f"{100 * notes['ratios'][name]:.0f} %"))
    display.table("found", rows, ("group", "kept", "share"), right=(1, 2))
    before = 100 * notes["accuracy_of_equal_shares"]
    after = 100 * notes["accuracy"]
    display.line(
        f"top-1 of held-out training images, before any training: {after:.2f} %; "
        f"equal shares {before:.2f} %"
    )
