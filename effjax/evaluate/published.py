"""Evaluates weights that a config names, published ones as a rule, without a run."""

import functools

import jax
import ml_collections

from effjax import models
from effjax.config import View, check
from effjax.contract import join_variables
from effjax.data import Split, open_split
from effjax.errors import UserError
from effjax.report import Display
from effjax.runs.schema import RunConfig
from effjax.tasks.classification import Classification


class HeldOut(Classification):
    """Classification of the held-out images alone: there may be no others."""

    @functools.cached_property
    def split(self) -> Split:
        """The evaluation images."""
        data = self.config.data
        return open_split(data, data.val_split, seed=0, batch_size=data.batch_size, train=False)


def evaluate_weights(config: ml_collections.ConfigDict, display: Display) -> dict[str, float]:
    """The metrics of `config.init_from` (fresh weights without it) on `config.data.val_split`.

    Args:
      config: as of `configs/imagenet/evaluate.py`.
      display: where progress and the table are shown, with the published top-1 beside.

    Returns:
      {"loss": mean, "top1": share, "top5": share}.

    Raises:
      UserError: no such images or weights, or other classes than the network has.
    """
    check(config, RunConfig)
    view = View(config)
    display.waiting("reading the data")
    task = HeldOut(view)
    classes = task.split.num_classes
    if view.model.num_classes not in (None, classes):
        raise UserError(
            f"{view.data.name} has {classes} classes, the weights know {view.model.num_classes}\n"
            "give a folder with one folder for each class, in their order"
        )
    display.waiting("loading the weights")
    zeros = {k: jax.numpy.zeros(v.shape, v.dtype) for k, v in task.split.spec.items()}
    params, model_state = jax.jit(task.init)(jax.random.key(view.seed), zeros)
    if view.init_from is not None:
        params, model_state, _ = task.load(params, model_state, view.init_from)
    display.waiting(f"evaluating {task.split.num_examples:,} images")
    found: dict[str, float] = {}
    variables = join_variables(params, model_state)
    for evaluator in task.evaluators(view).values():
        with evaluator.source.batches() as batches:
            found |= dict(evaluator(variables, jax.random.key(0), batches))
    display.table(f"{view.model.name} on {view.data.name}", _rows(view, task, found))
    return found


def _rows(view: View, task: HeldOut, found: dict[str, float]) -> list[tuple[str, str]]:
    name, data = view.model.name, view.data
    height, width, _ = task.split.image_shape
    rows = [("top-1, measured", f"{100 * found['top1']:.2f} %")]
    if name in models.list_models(pretrained=True) and models.pretrained(name).top1 is not None:
        rows.append(("top-1, published", f"{models.pretrained(name).top1:.2f} %"))
    return [
        *rows,
        ("top-5", f"{100 * found['top5']:.2f} %"),
        ("loss", f"{found['loss']:.4f}"),
        ("images", f"{task.split.num_examples:,} of {task.split.num_classes} classes"),
        ("weights", str(view.init_from or "fresh")),
        ("seen at", f"{height}x{width}, crop {data.eval_crop:g}, {data.eval_interpolation}"),
    ]
