"""A search of cells as a strategy: the supernet is an ordinary run, whose cells are the answer."""

import json
import shutil
from typing import Any

import ml_collections

from effjax.config import to_config
from effjax.errors import UserError
from effjax.models import read_architecture
from effjax.runs.folder import FOUND_ARCHITECTURE
from effjax.runs.schema import OptimConfig, ScheduleConfig
from effjax.search.cells.export import PICTURE as CELLS_PICTURE
from effjax.search.cells.export import SEARCH
from effjax.search.cells.spaces import DartsSpace
from effjax.search.found import PICTURE
from effjax.search.problem import Problem
from effjax.search.registry import Chosen

SUPERNET = "supernet"  # the folder of its run
ALPHA_RATE = 3e-4  # the published learning rate of alphas


def search_cells(
    problem: Problem,
    task: str,
    network: dict[str, Any],
    epochs: float,
    nesterov: bool,
    weight_decay: float,
    alpha_rate: float | None = None,
) -> Chosen:
    """Trains a supernet and returns the cells that it has come to.

    Optimizers and rates are those of the authors: SGD for weights, Adam for alphas.

    Args:
      task: "darts" or "pr_darts".
      network: further keys of `config.task`.
      epochs: over the images that are for weights.
      alpha_rate: the learning rate of alphas; None: the published one.

    Raises:
      UserError: a problem without images.
    """
    needs_images(problem, task)
    config = supernet_config(problem.config, problem.space, problem.seed)
    with config.unlocked():  # a config from the command line is locked
        config.total_epochs = float(epochs)
        cell = {"operations": operations_of(problem.space), "nodes": nodes_of(problem.space)}
        config.task.update(name=task, **cell, **network)
        config.optim.default.update(
            name="sgd",
            learning_rate=0.025,
            momentum=0.9,
            nesterov=nesterov,
            weight_decay=weight_decay,
            clip_norm=5.0,
            decay=((r".*", True),),
        )
        config.optim.alphas = to_config(OptimConfig)
        adam_of_alphas(config, ALPHA_RATE if alpha_rate is None else alpha_rate)
    folder = problem.workdir / SUPERNET
    problem.train(config, folder)
    shutil.copyfile(folder / CELLS_PICTURE, problem.workdir / PICTURE)
    _, fields = read_architecture(folder / FOUND_ARCHITECTURE)
    base = problem.space.base
    cells = {kind: fields.get(kind, getattr(base, kind)) for kind in ("normal", "reduce")}
    as_edges = {kind: [tuple(edge) for edge in edges] for kind, edges in cells.items()}
    notes = json.loads((folder / SEARCH).read_text())
    return Chosen(problem.space.point_of(as_edges), notes=notes)


def needs_images(problem: Problem, strategy: str) -> None:
    """Raises UserError for a problem without a config or a folder."""
    if problem.config is None or problem.workdir is None:
        raise UserError(f"strategy {strategy!r} trains a network: it needs a config and a folder")


def adam_of_alphas(config: ml_collections.ConfigDict, learning_rate: float) -> None:
    """Sets the optimizer of alphas, as published but for the rate."""
    config.optim.alphas.update(
        name="adam",
        learning_rate=learning_rate,
        b1=0.5,
        b2=0.999,
        weight_decay=1e-3,
        decay=((r".*", True),),
    )


def supernet_config(
    config: ml_collections.ConfigDict, space: DartsSpace, seed: int
) -> ml_collections.ConfigDict:
    """The config of the supernet's run: the images of a training, nothing else of it."""
    own = config.copy_and_resolve_references()
    with own.unlocked():
        own.seed = seed
        for unit in ("steps", "examples", "epochs"):
            own[f"total_{unit}"] = None
        own.model.update(name=space.name)
        # what is found has these sizes; its cells are what is searched
        for field in ("width", "layers", "stem_multiplier", "auxiliary", "drop_path_rate"):
            if field in own.model:
                del own.model[field]
        own.schedule = to_config(ScheduleConfig)
        own.schedule.update(name="cosine", end=0.04)  # from 0.025 to 0.001
        own.optim = type(own.optim)({"default": to_config(OptimConfig)})
        own.ema.decay = None
        own.accumulate = 1
    return own


def operations_of(space: DartsSpace) -> tuple[str, ...]:
    """The operations that the supernet's edges have: those of the space, and "none"."""
    names = dict.fromkeys(name for name, _ in space.choices[0].options)
    # an edge may also be left out while it is searched
    return ("none", *names)


def nodes_of(space: DartsSpace) -> int:
    """The nodes of a cell of the space."""
    return len(space.base.normal_concat)
