"""Evaluates weights that a config names, published ones as a rule, without a run."""

import functools

import jax
import ml_collections

from effjax import models
from effjax.config import View, check
from effjax.contract import join_variables
from effjax.data import Split, open_split
from effjax.report import Display
from effjax.runs.schema import RunConfig
from effjax.tasks.classification import Classification
from effjax.training.from_run import use_run
from effjax.training.setup import use_architecture


class HeldOut(Classification):
    """Classification of the held-out images alone: there may be no others.

    Attributes:
      ignore_unknown: leave out images of classes that the weights do not know.
    """

    ignore_unknown = False

    @functools.cached_property
    def split(self) -> Split:
        """The evaluation images."""
        return self.open(self.config.data.val_split)

    def open(self, split: str) -> Split:
        """A split with the labels of the weights' classes, which are matched by name."""
        data = self.config.data
        classes = self.config.model.num_classes
        names = None
        if classes is not None:
            # their numbers: those of published weights are ImageNet's
            names = [f"class {label}" for label in range(classes)]
        return open_split(
            data,
            split,
            seed=0,
            batch_size=data.eval_batch_size or data.batch_size,
            train=False,
            class_names=names,
            ignore_unknown=self.ignore_unknown,
        )


def evaluate_weights(
    config: ml_collections.ConfigDict, display: Display, ignore_unknown: bool = False
) -> dict[str, float]:
    """The metrics of `config.init_from` (fresh weights without it) on `config.data.val_split`.

    Args:
      config: as of `configs/imagenet/evaluate.py`.
      display: where progress and the table are shown, with the published top-1 beside.
      ignore_unknown: leave out images of classes that the weights do not know.

    Returns:
      {"loss": mean, "top1": share, "top5": share}.

    Raises:
      UserError: no such images or weights, or other classes than the network has.
    """
    check(config, RunConfig)
    use_run(config)
    use_architecture(config)
    view = View(config)
    display.waiting("reading the data")
    task = HeldOut(view)
    task.ignore_unknown = ignore_unknown
    display.waiting("loading the weights")
    zeros = {}
    for name, array in task.split.spec.items():
        zeros[name] = jax.numpy.zeros(array.shape, array.dtype)
    key = jax.random.key(view.seed)
    params, model_state = jax.jit(task.init)(key, zeros)
    if view.init_from is not None:
        params, model_state, _ = task.load(params, model_state, view.init_from)
    display.waiting(f"evaluating {task.split.num_examples:,} images")
    found: dict[str, float] = {}
    variables = join_variables(params, model_state)
    no_draws = jax.random.key(0)  # these evaluators draw nothing
    for name, evaluator in task.evaluators(view).items():
        # not the evaluator's own images: they have the labels of the folder
        split = task.open(view.evals[name].split or view.data.val_split)
        with split.batches() as batches:
            metrics = evaluator(variables, no_draws, batches)
            # an evaluator is a generator: `dict` is what reads the batches
            found |= dict(metrics)
    display.table(f"{view.model.name} on {view.data.name}", _rows(view, task, found))
    return found


def _rows(view: View, task: HeldOut, found: dict[str, float]) -> list[tuple[str, str]]:
    data = view.data
    split = task.split
    height, width, _ = split.image_shape
    rows = [("top-1, measured", f"{100 * found['top1']:.2f} %")]
    published = _published_top1(view.model.name)
    if published is not None:
        rows.append(("top-1, published", f"{published:.2f} %"))
    preparation = f"{height}x{width}, crop {data.eval_crop:g}, {data.eval_interpolation}"
    rows += [
        ("top-5", f"{100 * found['top5']:.2f} %"),
        ("loss", f"{found['loss']:.4f}"),
        ("images", f"{split.num_examples:,} of {split.num_classes} classes"),
        ("weights", str(view.init_from or "fresh")),
        ("seen at", preparation),
    ]
    return rows


def _published_top1(name: str) -> float | None:
    """In percent; None for a network without published weights, or weights without a figure."""
    if name not in models.list_models(pretrained=True):
        return None
    return models.pretrained(name).top1
