"""Any registered network on images that fit in the device's memory.

The loss is that of `effjax train`'s classification: normalised on the device, label smoothing,
dropout and stochastic depth with draws that belong to an example.

Shapes: N examples, B batch, P parts of the held-out examples, H W the image, K classes.
"""

import dataclasses
import os
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from effjax.bench.problems.base import (
    EVAL_BATCH,
    Arrays,
    LossAndState,
    Metrics,
    Params,
    Problem,
    classification_scores,
    problem,
)
from effjax.config import View, check
from effjax.data import open_split
from effjax.errors import UserError
from effjax.runs.schema import RunConfig, default_config
from effjax.tasks.classification import Classification


@problem("images")
def images(workload: View, data_dir: str | None) -> Problem:
    """A network of `effjax models` on images.

    Raises:
      UserError: data that is not there, or a wrong model.
    """
    config = run_config(workload, data_dir)
    try:
        train, held_out = read_arrays(workload, View(config))
    except UserError as error:
        files = workload.data.files
        if files is None or config.data.name != workload.data.name:
            raise
        raise UserError(f"{error}\nor: --config.data_dir=FOLDER that has {files}") from error
    # of what was read: a part of a split may lack the last classes, and rows on disk were made so
    largest = max(train["label"].max(), held_out["label"].max())
    config.model.num_classes = int(largest) + 1
    task = Classification(View(config))
    network = ImageNetwork(task, task.model, train["image"].shape[1:])
    return Problem(
        init=network.init,
        loss=network.loss,
        evaluate=network.evaluate,
        train=train,
        held_out=held_out,
    )


@dataclasses.dataclass(frozen=True)
class ImageNetwork:
    """A classification task as the functions of a `Problem`.

    Attributes:
      task: its loss and its preprocessing.
      model: made once, before any trial, so that a bad name fails then.
      shape: (H, W, 3).
    """

    task: Classification
    model: Any
    shape: tuple[int, ...]

    def init(self, key: jax.Array) -> tuple[Params, Any]:
        """(params, model_state)."""
        variables = dict(self.model.init(key, jnp.zeros((1, *self.shape))))
        params = variables.pop("params")
        return params, variables

    def loss(
        self,
        params: Params,
        model_state: Any,
        batch: Any,
        key: jax.Array,
        step: jax.Array,
    ) -> LossAndState:
        """The task's loss of a batch of whole examples."""
        count = batch["label"].shape[0]
        # the task's own batches say which examples are whole, and where in the batch they are
        whole = {
            **batch,
            "mask": jnp.ones(count),
            "index": jnp.arange(count),
        }
        value, (model_state, _) = self.task.loss(params, model_state, whole, key, step)
        return value, model_state

    def evaluate(self, params: Params, model_state: Any, held_out: Any) -> Metrics:
        """Loss and error of all held-out images, `EVAL_BATCH` at a time."""
        count = held_out["label"].shape[0]
        size = min(EVAL_BATCH, count)
        marked = {**held_out, "mask": jnp.ones(count)}
        parts = jax.tree.map(lambda array: _in_parts(array, size), marked)  # [P, size, ...]

        def predict(part: Any) -> jax.Array:
            return self.task.predict(params, model_state, part)

        logits = jax.lax.map(predict, parts)  # [P, size, K]
        logits = logits.reshape(-1, logits.shape[-1])
        labels = parts["label"].ravel()
        mask = parts["mask"].ravel()
        return classification_scores(logits, labels, mask)


def _in_parts(array: jax.Array, size: int) -> jax.Array:
    """[N, ...] -> [P, size, ...], padded with zeros: padded examples have a mask of 0."""
    missing = -len(array) % size
    padding = [(0, missing)] + [(0, 0)] * (array.ndim - 1)
    return jnp.pad(array, padding).reshape(-1, size, *array.shape[1:])


def run_config(workload: View, data_dir: str | None) -> ml_collections.ConfigDict:
    """The config of `effjax train` that has the same network and loss."""
    data = workload.data
    config = default_config()
    config.total_steps = float(workload.max_steps)
    config.model.update(name=workload.model["name"], **workload.model.extras("name"))
    config.data.update(
        name=source_name(data, data_dir),
        train_split=data.train_split,
        val_split=data.eval_split or data.train_split,
        image_size=data.image_size,
        batch_size=workload.batch_size,
        mean=tuple(data.mean),
        std=tuple(data.std),
    )
    config.task.loss = workload.loss
    config.mix.label_smoothing = workload.label_smoothing
    check(config, RunConfig)
    return config


def source_name(data: View, data_dir: str | None) -> str:
    """`data.files` below `data_dir` where it is there, else `data.name`."""
    if data_dir and data.files:
        path = os.path.join(data_dir, data.files)
        if os.path.exists(path):
            return path
    return data.name


def read_arrays(workload: View, config: View) -> tuple[Arrays, Arrays]:
    """Training and held-out examples: {"image": uint8 [N, H, W, 3], "label": int32 [N]}.

    Raises:
      UserError: the data has fewer examples than asked for.
    """
    data = workload.data
    wanted = data.train_examples
    held = data.eval_examples
    if data.eval_split is not None:
        train = _read(config, data.train_split, 0, wanted)
        return train, _read(config, data.eval_split, 0, held)
    if not (wanted and held):
        raise UserError("set data.train_examples and data.eval_examples, or data.eval_split")
    # of one split: what is held out comes after what is trained on, in the same shuffled order
    train = _read(config, data.train_split, 0, wanted)
    return train, _read(config, data.train_split, wanted, held)


def _read(config: View, split: str, start: int, count: int | None) -> Arrays:
    """Examples start .. start + count of a fixed shuffled order of a split."""
    opened = open_split(config.data, split, seed=0, batch_size=1, train=False)
    order = np.random.default_rng(0).permutation(opened.num_examples)
    end = None if count is None else start + count
    rows = order[start:end]
    if count is not None and len(rows) < count:
        raise UserError(
            f"split {split!r} of {config.data.name} has {opened.num_examples} examples, "
            f"{start + count} are asked for"
        )
    # evaluation has one way to resize an image: choice 0
    pixels, labels, readable = opened.stream.views(rows, np.zeros(len(rows), int))
    # An image that cannot be read comes as a black one. It is no example of its class.
    kept = readable > 0
    if not kept.any():
        raise UserError(f"split {split!r} of {config.data.name}: no image can be read")
    return {"image": pixels[kept], "label": labels[kept]}
