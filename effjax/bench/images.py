"""Any registered network on images that fit in the device's memory.

The loss is that of `effjax train`'s classification: normalised on the device, label smoothing,
dropout and stochastic depth with draws that belong to an example.

Shapes: N examples, B batch, H W the image.
"""

import os
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from effjax.bench.problems import EVAL_BATCH, Params, Problem, classified
from effjax.config import View, check
from effjax.data import open_split
from effjax.errors import UserError
from effjax.runs.schema import RunConfig, default_config
from effjax.tasks.classification import Classification


def images(workload: View, data_dir: str | None) -> Problem:
    """The problem of a workload of kind "images".

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
    config.model.num_classes = int(max(train["label"].max(), held_out["label"].max())) + 1
    task = Classification(View(config))
    model = task.model  # made here: an unknown name is no matter of each trial
    height, width = train["image"].shape[1:3]

    def init(key: jax.Array) -> tuple[Params, Any]:
        variables = dict(model.init(key, jnp.zeros((1, height, width, 3))))
        return variables.pop("params"), variables

    def loss(
        params: Params, model_state: Any, batch: Any, key: jax.Array, step: jax.Array
    ) -> tuple[jax.Array, Any]:
        count = batch["label"].shape[0]
        batch = dict(batch, mask=jnp.ones(count), index=jnp.arange(count))
        value, (model_state, _) = task.loss(params, model_state, batch, key, step)
        return value, model_state

    def evaluate(params: Params, model_state: Any, held_out: Any) -> dict[str, jax.Array]:
        count = held_out["label"].shape[0]
        size = min(EVAL_BATCH, count)
        padded = -count % size
        parts = jax.tree.map(
            lambda a: jnp.pad(a, [(0, padded)] + [(0, 0)] * (a.ndim - 1)).reshape(
                -1, size, *a.shape[1:]
            ),
            dict(held_out, mask=jnp.ones(count)),
        )
        logits = jax.lax.map(lambda part: task.predict(params, model_state, part), parts)
        return classified(
            logits.reshape(-1, logits.shape[-1]), parts["label"].ravel(), parts["mask"].ravel()
        )

    return Problem(init, loss, evaluate, train, held_out)


def run_config(workload: View, data_dir: str | None) -> ml_collections.ConfigDict:
    """The config of `effjax train` that has the same network and loss."""
    data, config = workload.data, default_config()
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
    path = os.path.join(data_dir, data.files) if data_dir and data.files else None
    return path if path and os.path.exists(path) else data.name


def read_arrays(workload: View, config: View) -> tuple[dict[str, Any], dict[str, Any]]:
    """Training and held-out examples: {"image": uint8 [N, H, W, 3], "label": int32 [N]}.

    Raises:
      UserError: the data has fewer examples than asked for.
    """
    data = workload.data
    wanted, held = data.train_examples, data.eval_examples
    if data.eval_split is not None:
        return _read(config, data.train_split, 0, wanted), _read(config, data.eval_split, 0, held)
    if not (wanted and held):
        raise UserError("set data.train_examples and data.eval_examples, or data.eval_split")
    return _read(config, data.train_split, 0, wanted), _read(config, data.train_split, wanted, held)


def _read(config: View, split: str, start: int, count: int | None) -> dict[str, np.ndarray]:
    """Examples start .. start + count of a fixed shuffled order of a split."""
    opened = open_split(config.data, split, seed=0, batch_size=1, train=False)
    order = np.random.default_rng(0).permutation(opened.num_examples)
    rows = order[start : None if count is None else start + count]
    if count is not None and len(rows) < count:
        raise UserError(
            f"split {split!r} of {config.data.name} has {opened.num_examples} examples, "
            f"{start + count} are asked for"
        )
    # evaluation has one way to resize an image: choice 0
    images, labels, _ = opened.stream.views(rows, np.zeros(len(rows), int))
    return {"image": images, "label": labels}
