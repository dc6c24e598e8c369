"""`--what=stability`: two trainings whose data differ in one example.

Both start from the run's first weights and share every draw, as draws belong to an example's place
in its batch. One training example is replaced by a held-out one wherever it is shown.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from effjax.analyse.settings import Found, Settings, measure
from effjax.analyse.subject import Subject
from effjax.contract import Batch
from effjax.curvature.sharpness import tree_norm
from effjax.curvature.stability import distances
from effjax.data import Split
from effjax.errors import UserError

SHOWN = ("image", "label", "mask")  # what belongs to an example, not to its place


@measure(
    "stability",
    "how far two trainings come apart whose data differ in one example (slow)",
    passes=lambda subject, settings: settings.updates,  # an update counts as one
)
def look_at_stability(subject: Subject, settings: Settings) -> Found:
    """Trains twice for `settings.updates` updates, without augmentation.

    Raises:
      UserError: the task does not train on images of a data set.
    """
    setup = subject.setup
    if not isinstance(setup.source, Split) or subject.held_out is None:
        raise UserError(
            f"{subject.name}: stability needs training images of a data set\n"
            "leave stability out of --what"
        )
    task = setup.task
    step = jax.jit(lambda state, batch: setup.step(state, batch, task.variant(0))[0])
    state = setup.fresh()
    updates = min(settings.updates, setup.clock.total_steps)
    neighbours = itertools.islice(neighbouring(subject), updates)
    apart = distances(step, evaluated_parameters(subject), state, neighbours)
    size = float(tree_norm(state.params))
    values = {
        "updates": updates,
        "distance": float(apart[-1]),
        "distance / size of the first weights": float(apart[-1]) / size,
    }
    return Found(values, {"distances": apart.tolist()})


def evaluated_parameters(subject: Subject) -> Any:
    """state -> the weights that would be evaluated."""
    groups = subject.setup.groups
    return lambda state: groups.eval_params(state.params, state.opt_state)


def neighbouring(subject: Subject) -> Iterator[tuple[Batch, Batch]]:
    """(batch, the same with one example replaced) of each step."""
    source = subject.setup.source
    replaced = source.rows(0)[0]["row"]  # of the first batch, so that every run meets it
    other, _ = next(iter(subject.held_out))
    for step, batch in enumerate(source.batches()):
        subject.examples.count_pass()
        changed = {name: np.array(array) for name, array in batch.items()}
        for shown in source.rows(step):
            if shown["row"] == replaced:
                for name in SHOWN:
                    changed[name][shown["index"]] = other[name][0]
        yield batch, changed
