"""Momentum contrast: two views of an image agree, and differ from all others.

MoCo: He et al. 2020, arXiv:1911.05722; v2: Chen et al. 2020, arXiv:2003.04297; v3: Chen et al.
2021, arXiv:2104.02057; with prototypes PCL: Li et al. 2021, arXiv:2005.04966.

The order of a step: the teacher moves towards the student as it is before the update, makes the
keys, and the queue is read before they are written.

Shapes: B examples of the batch, b of one device, H W space, C features of the encoder, D of the
projection, K entries of the queue.
"""

import contextlib
import dataclasses
import functools
import re
from contextlib import AbstractContextManager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from effjax.config import Clock, View
from effjax.contract import Batch, Metrics, Params, Source, TrainState
from effjax.data import open_split
from effjax.errors import UserError
from effjax.optim import parameter_paths
from effjax.tasks.pretraining.contrast.encoding import Encoding, Images, in_groups
from effjax.tasks.pretraining.contrast.losses import batch_nce, info_nce, queue_logits
from effjax.tasks.pretraining.contrast.options import ContrastConfig, check_options
from effjax.tasks.pretraining.contrast.prototypes import Prototypes
from effjax.tasks.pretraining.heads import Projector
from effjax.tasks.pretraining.task import Pretraining
from effjax.tasks.pretraining.teacher import (
    cosine_between,
    follow,
    gather_examples,
    own_examples,
    push,
    unit,
)
from effjax.tasks.registry import register_task


@register_task("contrast", "two views of an image agree: MoCo v1 to v3, with prototypes PCL")
class Contrast(Pretraining):
    """Learns by momentum contrast, against a queue or against the rest of the batch."""

    @dataclasses.dataclass(frozen=True)
    class Config(ContrastConfig):
        """Keys of `config.task`."""

    needs_views = ("query", "key")

    def __init__(self, config: View, batch_axis: str | None = None):
        super().__init__(config, batch_axis)
        check_options(self.options, config.data.batch_size)
        self._prototypes = None
        if self.options.clusters:
            self._prototypes = Prototypes(self.options, config.seed, batch_axis)
        # made once: every E-step runs one program
        self._embed = jax.jit(self._embedding)

    @functools.cached_property
    def head(self) -> Projector:
        """On the encoder."""
        options = self.options
        width = options.head_width or self._encoder_width
        return self._projector(options.head_layers, width)

    @functools.cached_property
    def predictor(self) -> Projector:
        """On the student's head."""
        width = self.options.head_width or self._encoder_width
        return self._projector(self.options.predictor_layers, width)

    def _projector(self, layers: int, width: int) -> Projector:
        options = self.options
        return Projector(layers, width, options.dim, options.head_norm, self.batch_axis)

    @functools.cached_property
    def _encoding(self) -> Encoding:
        """The student's and the teacher's; the teacher has no predictor."""
        modules = {"encoder": self.model, "head": self.head, "predictor": self.predictor}
        return Encoding(modules, self.pixels, self.batch_axis)

    @functools.cached_property
    def _encoder_width(self) -> int:
        """C."""
        images = jax.ShapeDtypeStruct((1, *self.split.crops["view_query"][1:]), jnp.float32)
        shape, _ = jax.eval_shape(self.model.init_with_output, jax.random.key(0), images)
        return shape.shape[-1]

    # ------------------------------------------------------------------------------- the state

    def init(self, rng: Array, batch: Batch) -> tuple[Params, Any]:
        self._check_crops()
        keys = jax.random.split(rng, 5)
        images = self.pixels(batch["view_query"][:1, 0])
        features = jnp.zeros((1, self._encoder_width))
        made = {
            "encoder": self.model.init(keys[0], images),
            "head": self.head.init(keys[1], features, None),
        }
        if self.options.predictor_layers:
            projected = jnp.zeros((1, self.options.dim))
            made["predictor"] = self.predictor.init(keys[2], projected, None)
        params = {}
        state: dict[str, Any] = {}
        for name, variables in made.items():
            collections = dict(variables)
            params[name] = collections.pop("params", {})
            state[name] = collections
        # copies: an update gives its arrays back to the device
        teacher = {name: state[name] for name in ("encoder", "head")}
        teacher["params"] = {name: params[name] for name in ("encoder", "head")}
        state["teacher"] = jax.tree.map(jnp.copy, teacher)
        if self.options.queue:
            drawn = jax.random.normal(keys[3], (self.options.queue, self.options.dim))
            state["queue"] = unit(drawn)
            state["pointer"] = jnp.zeros((), jnp.int32)
        if self._prototypes is not None:
            state["prototypes"] = self._prototypes.fresh(keys[4], self.split.num_examples)
        return params, state

    def _check_crops(self) -> None:
        query, key = (self.split.crops[f"view_{name}"] for name in self.needs_views)
        if query != key or query[0] != 1:
            raise UserError(
                f"config.data.views: query {list(query)}, key {list(key)}; task 'contrast' takes "
                "one crop of each, of one size"
            )

    def groups(self, params: Params) -> Any:
        pattern = self.options.frozen
        if pattern is None:
            return super().groups(params)
        paths = parameter_paths(params)
        try:
            labels = ["frozen" if re.search(pattern, path) else "default" for path in paths]
        except re.error as error:
            raise UserError(
                f"config.task.frozen = {pattern!r} is not a regular expression: {error}"
            ) from error
        if len(set(labels)) == 1:
            raise UserError(f"config.task.frozen = {pattern!r} freezes {labels[0]} alone")
        return jax.tree.structure(params).unflatten(labels)

    # -------------------------------------------------------------------------------- a step

    def loss(
        self, params: Params, model_state: Any, batch: Batch, rng: Array, step: Array
    ) -> tuple[Array, tuple[Any, Metrics]]:
        first, second = (
            Images(batch[f"view_{name}"][:, 0], batch["index"], batch["mask"])
            for name in self.needs_views
        )
        followed = params if not self.options.stop_gradient else jax.lax.stop_gradient(params)
        teacher = dict(model_state["teacher"])
        teacher_params = {name: followed[name] for name in teacher["params"]}
        teacher["params"] = follow(teacher["params"], teacher_params, self._momentum(step))
        state = {**model_state, "teacher": teacher}
        with self._norm_groups(model_state):
            compare = self._against_queue if self.options.queue else self._against_batch
            losses, metrics, state = compare(params, state, first, second, batch, rng)
        if not self.options.stop_gradient:
            state = jax.lax.stop_gradient(state)
        mask = batch["mask"]
        sums = {}
        for name, values in {"loss": losses, **metrics}.items():
            # an image that cannot be read is black, and its loss means nothing
            values = jnp.where(mask > 0, values, 0.0)
            sums[name] = (values.sum(), mask.sum())
        total, count = sums["loss"]
        return total / jnp.maximum(count, 1.0), (state, sums)

    def _momentum(self, step: Array) -> Array | float:
        options = self.options
        if options.momentum_end is None:
            return options.momentum
        return cosine_between(options.momentum, options.momentum_end, step, self._total_steps)

    @functools.cached_property
    def _total_steps(self) -> int:
        clock = Clock(self.config.data.batch_size, self.split.num_examples)
        return clock.steps(self.config, "total")

    def _against_queue(
        self, params: Params, state: Any, first: Images, second: Images, batch: Batch, rng: Array
    ) -> tuple[Array, Metrics, Any]:
        """MoCo v1 and v2: losses [b], metrics [b] and the new state."""
        student_key, teacher_key, shuffle_key, draw_key = jax.random.split(rng, 4)
        query, own = self._encoding(params, state, first, student_key)
        state = {**state, **own}
        keys, state["teacher"] = self._encoding.shuffled(
            state["teacher"], second, teacher_key, shuffle_key
        )
        count = len(query)
        key = own_examples(keys, count, self.batch_axis)
        logits = queue_logits(query, key, state["queue"], self.options.temperature)
        losses = info_nce(logits)
        metrics = {"top1": (logits.argmax(1) == 0).astype(jnp.float32)}
        if self._prototypes is not None:
            prototypes = state["prototypes"]
            place = self._first_place(count)
            found = self._prototypes.losses(prototypes, query, batch["row"], place, draw_key)
            metrics |= {"contrast_loss": losses, "prototype_loss": found}
            losses = losses + prototypes["weight"] * found
        valid = gather_examples(second.mask, self.batch_axis)
        written = jax.lax.stop_gradient(keys)
        queue, pointer = push(state["queue"], state["pointer"], written, valid)
        return losses, metrics, {**state, "queue": queue, "pointer": pointer}

    def _against_batch(
        self, params: Params, state: Any, first: Images, second: Images, batch: Batch, rng: Array
    ) -> tuple[Array, Metrics, Any]:
        """MoCo v3: both directions, against all keys of the batch."""
        rngs = jax.random.split(rng, 4)
        queries = []
        keys = []
        for view, rng in zip((first, second), rngs[:2]):
            query, own = self._encoding(params, state, view, rng)
            state = {**state, **own}
            queries.append(query)
        teacher = state["teacher"]
        for view, rng in zip((first, second), rngs[2:]):
            key, own = self._encoding(teacher["params"], teacher, view, rng)
            teacher = {**teacher, **own}
            keys.append(gather_examples(key, self.batch_axis))
        place = self._first_place(len(queries[0]))
        losses = jnp.zeros(len(queries[0]))
        for query, key in zip(queries, reversed(keys)):
            losses += batch_nce(query, key, place, self.options.temperature)
        own = own_examples(keys[1], len(queries[0]), self.batch_axis)
        cosine = jnp.sum(queries[0] * own, axis=-1)
        return losses, {"cosine": cosine}, {**state, "teacher": teacher}

    def _first_place(self, count: int) -> Array | int:
        """The place in the whole batch of this device's first example."""
        if self.batch_axis is None:
            return 0
        return jax.lax.axis_index(self.batch_axis) * count

    def _norm_groups(self, model_state: Any) -> AbstractContextManager:
        """Batch norm in groups, where a queue has keys of other batches and there is batch norm."""
        has_norm = any("batch_stats" in model_state[name] for name in ("encoder", "head"))
        if not self.options.queue or not has_norm:
            return contextlib.nullcontext()
        return in_groups(self.options.norm_groups, self.batch_axis)

    # -------------------------------------------------------------------------- the E-step

    def between_every(self, clock: Clock) -> int | None:
        return None if self._prototypes is None else self.split.steps_per_epoch

    def between(self, state: TrainState, step: int, source: Source) -> Any | None:
        """New prototypes, once the warm-up is over: the E-step of PCL."""
        if step < self.options.cluster_warmup_epochs * self.split.steps_per_epoch:
            return None
        features, valid = self._all_features(state.model_state["teacher"])
        old = state.model_state["prototypes"]
        new = self._prototypes.expectation(old, features, valid, step)
        return {**state.model_state, "prototypes": new}

    def _all_features(self, teacher: Any) -> tuple[np.ndarray, np.ndarray]:
        """The teacher's features [N, D] of the centre crops of all training images, and which are.

        Every host does all of it on one device: the result must not depend on how many there are.
        """
        data = self.config.data
        size = data.eval_batch_size or data.batch_size
        # the seed orders nothing here
        images = open_split(data, data.train_split, seed=0, batch_size=size, train=False)
        weights = jax.device_get(teacher)
        features = []
        valid = []
        with images.batches() as batches:
            for batch in batches:
                features.append(np.asarray(self._embed(weights, batch)))
                valid.append(batch["mask"] > 0)
        count = images.num_examples
        return np.concatenate(features)[:count], np.concatenate(valid)[:count]

    def _embedding(self, teacher: Any, batch: Batch) -> Array:
        """[B, D] in evaluation."""
        images = Images(batch["image"], batch["index"], batch["mask"])
        features, _ = self._encoding(
            teacher["params"], teacher, images, jax.random.key(0), train=False
        )
        return features
