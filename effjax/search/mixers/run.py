"""A search of mixers as a strategy: the supernet is an ordinary run, its alphas rank the points."""

import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_collections

from effjax.config import to_config
from effjax.errors import UserError
from effjax.models import write_architecture
from effjax.report import Display
from effjax.runs.schema import OptimConfig
from effjax.search.cells.bilevel import MEMORY
from effjax.search.cells.export import SEARCH
from effjax.search.cells.run import SUPERNET, adam_of_alphas, needs_images
from effjax.search.choices import RESOLUTION, Place, read_path
from effjax.search.found import PICTURE
from effjax.search.mixers import export
from effjax.search.mixers.supernet import SearchedBlock, blocks_of, handed_over
from effjax.search.mixers.within_budget import best_point
from effjax.search.objectives import training_config
from effjax.search.problem import Problem
from effjax.search.registry import Chosen
from effjax.search.space import ArchSpace, Point
from effjax.tasks.run import restore

HELD = "held.json"  # the network with what is not searched; its mixers are replaced
# the published rate is for searches of ten thousands of updates; those of mixers have hundreds
ALPHA_RATE = 0.01


def search_mixers(
    problem: Problem,
    task: str,
    keys: Mapping[str, Any],
    epochs: float | None,
    alpha_rate: float | None,
) -> Chosen:
    """Trains a supernet and returns the most probable point within the budgets, with its weights.

    Choices of something else than mixers keep the option that the base architecture has, or the
    first one. Weights are trained as the config says.

    Args:
      task: "darts" or "pr_darts".
      keys: further keys of `config.task`.
      epochs: over the images that are for weights; None: as long as the config says.
      alpha_rate: the learning rate of alphas; None: `ALPHA_RATE`.

    Raises:
      UserError: a space without mixers, a problem without images, or no such point.
    """
    space = problem.space
    is_of_mixers = isinstance(space, ArchSpace)
    held = held_point(space, problem.config) if is_of_mixers else ()
    blocks = blocks_of(space, held) if is_of_mixers else ()
    if not blocks:
        raise UserError(
            f"strategy {task!r} searches cells (space=DartsSpace(...)) or the mixers of blocks\n"
            "give choices such as stages_0.blocks_1.mixer, or another --strategy"
        )
    needs_images(problem, task)
    searched = {block.choice for block in blocks}
    _tell_what_is_held(space, held, searched, problem.display)
    folder = problem.workdir / SUPERNET
    config = supernet_config(problem, held, searched, f"mixer_{task}", keys, alpha_rate)
    with config.unlocked():
        if epochs is not None:
            config.update(total_steps=None, total_examples=None, total_epochs=float(epochs))
    problem.train(config, folder)
    shutil.copyfile(folder / export.PICTURE, problem.workdir / PICTURE)
    notes = json.loads((folder / SEARCH).read_text())
    scores = scores_of(space, notes["probabilities"])
    point = best_point(problem, held, scores)
    notes["most_probable"] = notes.pop("found")  # whatever it costs
    notes["score"] = sum(row[point[number]] for number, row in scores.items())
    variables = weights_of(folder, blocks, space, point, problem.display)
    return Chosen(point, variables=variables, notes=notes)


def scores_of(
    space: ArchSpace, probabilities: Mapping[str, Mapping[str, float]]
) -> dict[int, list[float]]:
    """{number of a choice: the logarithm of each option's probability}, of those searched."""
    scores = {}
    for number, choice in enumerate(space.choices):
        shares = probabilities.get(choice.path)
        if shares is not None:
            scores[number] = [math.log(shares[option]) for option in choice.options]
    return scores


def refuse_sizes(strategy: str, **sizes: int | None) -> None:
    """Raises UserError for a size of the supernet of cells."""
    for name, size in sizes.items():
        if size is not None:
            raise UserError(
                f"strategy {strategy!r}: {name} = {size} is for cells\n"
                "a search of mixers has the sizes of the base architecture; leave it out"
            )


def held_point(space: ArchSpace, config: ml_collections.ConfigDict | None) -> Point:
    """The option of each choice that the base architecture has, or the first one."""
    point = []
    for choice in space.choices:
        value = _base_value(space, read_path(choice.path), config)
        point.append(choice.options.index(value) if value in choice.options else 0)
    return tuple(point)


def _base_value(space: ArchSpace, place: Place, config: ml_collections.ConfigDict | None) -> Any:
    """What stands at a place of the base architecture; None where nothing does."""
    if place.field == RESOLUTION:
        return config.data.image_size if config is not None else None
    # a mixer is no field, and its option is searched
    value = getattr(space.base, place.field, None)
    steps = place.entry
    if place.stage is not None and value is not None:
        value = value[place.stage]
        # an entry for the whole stage may stand for each of its blocks
        steps = (place.block,) if place.block is not None and isinstance(value, tuple) else ()
    for step in steps:
        value = value[step] if step < len(value) else None
    return value


def _tell_what_is_held(space: ArchSpace, held: Point, searched: set[str], display: Display) -> None:
    kept = []
    for path, option in space.options(held).items():
        if path not in searched:
            kept.append(f"{path} = {option!r}")
    if kept:
        display.line(f"mixers are searched, these choices are not: {', '.join(kept)}")


def supernet_config(
    problem: Problem,
    held: Point,
    searched: set[str],
    task: str,
    keys: Mapping[str, Any],
    alpha_rate: float | None,
) -> ml_collections.ConfigDict:
    """The config of the supernet's run: a training of the held network, with alphas beside it."""
    space = problem.space
    path = problem.workdir / HELD
    path.parent.mkdir(parents=True, exist_ok=True)
    write_architecture(space.name, space.decode(held), path)
    own = training_config(problem.config, space, held, path, 1.0, problem.seed)
    with own.unlocked():
        chosen = [choice for choice in space.choices if choice.path in searched]
        own.task.update(name=task, **keys)
        own.task.choices = tuple((choice.path, choice.options) for choice in chosen)
        default = own.optim.default
        own.optim = type(own.optim)({"default": default, "alphas": to_config(OptimConfig)})
        adam_of_alphas(own, ALPHA_RATE if alpha_rate is None else alpha_rate)
        own.ema.decay = None
        own.accumulate = 1
    return own


def weights_of(
    folder: Path,
    blocks: tuple[SearchedBlock, ...],
    space: ArchSpace,
    point: Point,
    display: Display,
) -> dict[str, Any]:
    """The variables of a point's network, as the supernet's run has learned them."""
    _, state = restore(folder, display)
    further = {name: part for name, part in state.model_state.items() if name != MEMORY}
    variables = {"params": state.params["network"], **further}
    chosen = {choice.path: index for choice, index in zip(space.choices, point)}
    return handed_over(variables, blocks, chosen)
