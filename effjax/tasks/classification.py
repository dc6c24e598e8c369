"""Image classification: mix, normalise, model, cross-entropy; top-1 and top-5 on held-out images.

Shapes: B batch, H W space, K classes.
"""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import optax

from effjax import models
from effjax.config import View, as_path
from effjax.contract.state import TrainState
from effjax.contract.task import Batch, Metrics, Params, Source, Task
from effjax.data import Split, mix_batch, normalise, open_split
from effjax.errors import UserError
from effjax.optim.rules import parameter_paths
from effjax.report import Display, choose_display
from effjax.runs.folder import CONFIG, FOUND_ARCHITECTURE, FOUND_WEIGHTS, read_record
from effjax.training.restore import evaluated, restore

LOSSES = {
    "cross_entropy": optax.softmax_cross_entropy,
    # as in "ResNet strikes back": every class its own yes-or-no question
    "binary_cross_entropy": lambda logits, targets: optax.sigmoid_binary_cross_entropy(
        logits, targets
    ).mean(-1),
}


class Classification(Task):
    """Learns `config.model` on the labelled images of `config.data`.

    Keys of `config.task`: `loss`, "cross_entropy" (default) or "binary_cross_entropy"; `frozen`, a
    regular expression over the paths of parameters that are not learned, or "backbone" for all but
    the head: then the backbone runs as in evaluation, a linear probe.

    Attributes:
      trains_model: whether the parameters are those of `model`, ready for use.
    """

    trains_model = True

    def __init__(self, config: View, batch_axis: str | None = None):
        super().__init__(config, batch_axis)
        loss = config.task.loss if "loss" in config.task else "cross_entropy"
        if loss not in LOSSES:
            raise UserError(f"config.task.loss = {loss!r}; expected one of {', '.join(LOSSES)}")
        self.loss_function = LOSSES[loss]
        self.frozen = config.task.frozen if "frozen" in config.task else None

    @functools.cached_property
    def split(self) -> Split:
        """The training images."""
        return super().source()

    @functools.cached_property
    def model(self) -> Any:
        """The linen module that `config.model` describes."""
        section = self.config.model
        if 0 < (section.num_classes or 0) < self.split.num_classes:
            raise UserError(
                f"config.model.num_classes = {section.num_classes}, but the labels have "
                f"{self.split.num_classes} classes; leave it out"
            )
        return models.create_model(
            section.name,
            num_classes=section.num_classes or self.split.num_classes,
            dtype=section.dtype,
            param_dtype=section.param_dtype,
            batch_axis=self.batch_axis,
            **section.extras("name", "num_classes", "dtype", "param_dtype", "arch"),
        )

    def source(self) -> Source:
        return self.split

    def groups(self, params: Params) -> Any:
        if self.frozen is None:
            return super().groups(params)
        if self.frozen == "backbone":
            headless = models.registry.abstract_variables(
                self.model.clone(num_classes=0), self.split.image_shape
            )
            backbone = set(parameter_paths(headless["params"]))
            held = [path in backbone for path in parameter_paths(params)]
        else:
            held = [bool(re.search(self.frozen, path)) for path in parameter_paths(params)]
        if all(held) or not any(held):
            raise UserError(
                f"config.task.frozen = {self.frozen!r} freezes {'all' if all(held) else 'none'} of "
                "the parameters; give a regular expression over their paths, or 'backbone'"
            )
        labels = ["frozen" if hold else "default" for hold in held]
        return jax.tree.structure(params).unflatten(labels)

    def init(self, rng: jax.Array, batch: Batch) -> tuple[Params, Any]:
        variables = dict(self.model.init(rng, self.images(batch)[:1]))
        return variables.pop("params"), variables

    def load(
        self, params: Params, model_state: Any, source: str
    ) -> tuple[Params, Any, Mapping[str, Any]]:
        """From a run's folder (a search's: the network it found), a file, or a published name."""
        variables = {"params": params, **model_state}
        folder = as_path(source)
        if (folder / FOUND_WEIGHTS).exists():
            weights = str(folder / FOUND_WEIGHTS)
        elif (folder / CONFIG).exists():
            task, trained = trained_network(folder)
            weights = models.weights.to_torch(task.model, trained)
        else:
            weights = source
        variables, report = models.load_weights(self.model, variables, weights)
        variables = dict(variables)
        return variables.pop("params"), variables, vars(report)

    def images(self, batch: Batch) -> jax.Array:
        """uint8 [B, H, W, 3] -> normalised float [B, H, W, 3]."""
        data = self.config.data
        return normalise(batch["image"], data.mean, data.std, self.config.model.dtype)

    def loss(
        self, params: Params, model_state: Any, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> tuple[jax.Array, tuple[Any, Metrics]]:
        mix_key, dropout_key = jax.random.split(rng)
        images, targets = self.mixed(batch, mix_key)
        index, mask = batch["index"], batch["mask"]
        learned = [name for name in model_state if name != "constants"]
        logits, changed = self.model.apply(
            {"params": params, **model_state},
            images,
            train=self.frozen != "backbone",
            examples=index,
            rngs={"dropout": dropout_key},
            mutable=learned,
        )
        losses = self.losses(logits, targets, images)  # [B]
        hits = jnp.argmax(logits, -1) == jnp.argmax(targets, -1)
        count = jnp.maximum(mask.sum(), 1.0)  # every image of a batch may have been unreadable
        metrics = {
            "loss": ((losses * mask).sum(), count),
            "top1": ((hits * mask).sum(), count),
        }
        return (losses * mask).sum() / count, ({**model_state, **changed}, metrics)

    def mixed(self, batch: Batch, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        """What the network is trained on: images [B, H, W, 3] and soft labels [B, K]."""
        targets = jax.nn.one_hot(batch["label"], self.model.num_classes)
        return mix_batch(key, self.images(batch), targets, batch["index"], self.config.mix)

    def losses(self, logits: jax.Array, targets: jax.Array, images: jax.Array) -> jax.Array:
        """[B]: the loss of each example, from logits and targets [B, K] of mixed images."""
        return self.loss_function(logits, targets)

    def predict(self, params: Params, model_state: Any, batch: Batch) -> jax.Array:
        """Logits [B, K]."""
        return self.model.apply({"params": params, **model_state}, self.images(batch), train=False)

    def evaluators(self, config: View) -> dict[str, "Accuracy"]:
        return {name: Accuracy(self, config.evals[name]) for name in config.evals}

    def record(self) -> dict[str, Any]:
        return {"labels": list(self.split.class_names), "examples": self.split.num_examples}

    def facts(self, params: Params, batch: Batch) -> dict[str, Any]:
        height, width = batch["image"].shape[1:3]
        return {"macs": models.cost(self.model, (height, width, 3)).macs}


def trained_network(
    workdir: Path, step: int | None = None, display: Display | None = None
) -> tuple[Classification, dict[str, Any]]:
    """The task of a run and the variables of its network: their average, if it has one.

    The data of the run need not be there: images that are made up stand in for them.

    Raises:
      UserError: no run there, no checkpoint, or a run of another kind of task.
    """
    record, data = read_record(workdir), None
    if "labels" in record:
        data = {"name": "synthetic", "cache": None, "synthetic_examples": record["examples"]}
        data["synthetic_classes"] = len(record["labels"])
    display = display or choose_display(quiet=True)
    setup, state = restore(workdir, display, step, devices=jax.process_count(), data=data)
    if not isinstance(setup.task, Classification):
        raise UserError(
            f"{workdir} is a run of task {setup.config.task.name!r}\n"
            "give the workdir of a classification or a distill run"
        )
    if not setup.task.trains_model:
        raise UserError(
            f"{workdir} is a search, not a network; train what it has found:\n"
            f"effjax train --config=F --config.model.arch={workdir / FOUND_ARCHITECTURE}"
        )
    weights = evaluated(setup, state)
    return setup.task, {"params": weights["params"], **weights["model_state"]}


class Accuracy:
    """Mean loss, top-1 and top-5 over a split; padded examples do not count."""

    def __init__(self, task: Classification, section: View):
        config = task.config
        if section.evaluator != "classification":
            raise UserError(f"unknown evaluator {section.evaluator!r}; known: 'classification'")
        self.source = open_split(
            config.data,
            section.split or config.data.val_split,
            seed=config.seed,
            batch_size=config.data.eval_batch_size or config.data.batch_size,
            host=jax.process_index(),
            hosts=jax.process_count(),
            train=False,
        )
        self._predict = task.predict
        self._sums = jax.jit(self._batch_sums)

    def _batch_sums(self, params: Params, model_state: Any, batch: Batch) -> dict[str, jax.Array]:
        logits, labels, mask = (
            self._predict(params, model_state, batch),
            batch["label"],
            batch["mask"],
        )
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        # how many classes score at least as well as the right one: ties count against the model
        own = jnp.take_along_axis(logits, labels[:, None], -1)
        rank = (logits >= own).sum(-1)  # [B], 1 = right
        sums = {"loss": losses, "top1": rank <= 1, "top5": rank <= 5, "count": mask}
        return {name: (value * mask).sum() for name, value in sums.items()}

    def __call__(
        self, state: TrainState, rng: jax.Array, batches: Iterable[Batch]
    ) -> Iterator[tuple[str, float]]:
        """Yields ("loss", mean), ("top1", share), ("top5", share)."""
        sums = [self._sums(state.params, state.model_state, batch) for batch in batches]
        totals = {name: sum(float(part[name]) for part in sums) for name in sums[0]}
        count = totals.pop("count")
        for name, total in totals.items():
            yield name, total / count
