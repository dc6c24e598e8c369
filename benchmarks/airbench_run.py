"""A training by the rules of cifar10-airbench, as one program or update by update.

Shapes: N images of the training set, B images of an update, M images of the test set.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from benchmarks import airbench
from effjax.errors import UserError
from effjax.ranges import BelowOne, Count, NotNegative, NotNegativeInt, Positive, Share

Width = Count
Weights = tuple[airbench.Tree, airbench.Tree]  # parameters and running statistics


@dataclass(frozen=True)
class Rules:
    """The keys of the config; configs/speedrun/cifar10_94.py says what each means."""

    data: str
    target: Share
    seeds: Count
    epochs: Positive
    stop_epochs: Positive | None
    batch_size: Count
    examples: Count | None
    test_examples: Count | None
    widths: tuple[Width, Width, Width]
    logit_scale: Positive
    head_std: Positive | None
    whiten_bias: NotNegative
    stem_examples: Count
    norm_keep: Share
    dtype: Literal["float32", "bfloat16"]
    translate: NotNegativeInt
    label_smoothing: BelowOne
    optimizer: Literal["muon", "sgd"]
    schedule: Literal["linear", "triangle"]
    kernel_rate: Positive
    kernel_momentum: Share
    head_rate: Positive
    bias_rate: Positive
    whiten_rate: Positive
    momentum: Share
    decay: NotNegative
    whiten_epochs: Positive
    lookahead: bool
    curve: bool
    views: bool
    one_program: bool

    def steps(self, examples: int, epochs: float) -> int:
        """Updates in so many epochs; what is left of an epoch after its last batch is not seen."""
        return math.ceil(examples // self.batch_size * epochs)


class Data(NamedTuple):
    """Images uint8 [N, H, W, 3] and [M, H, W, 3], and labels int32."""

    images: Array
    labels: Array
    test_images: Array
    test_labels: Array


class Fixed(NamedTuple):
    """What a run draws and makes at its beginning."""

    data: Data
    stem: Array
    bordered: Array  # the training images with a border
    flipped_first: Array  # bool [N]
    order_key: Array
    shift_key: Array


class State(NamedTuple):
    """What an update changes; `order` [N] is that of the present epoch."""

    params: airbench.Tree
    stats: airbench.Tree
    opt_state: optax.OptState
    slow: tuple[airbench.Tree, airbench.Tree]
    order: Array


class Result(NamedTuple):
    """Losses [steps], test accuracies after each epoch (else NaN) [steps], and the last one."""

    losses: Array
    accuracies: Array
    final: Array


class Run:
    """A training by `rules` on so many examples: its parts, and two ways to put them together.

    Raises:
      UserError: fewer examples than a batch.
    """

    def __init__(self, rules: Rules, examples: int):
        size = rules.batch_size
        if examples < size:
            raise UserError(f"{examples} examples are no batch of config.batch_size={size}")
        self.rules, self.examples = rules, examples
        self.per_epoch = examples // size
        self.total = rules.steps(examples, rules.epochs)
        self.stop = self.total
        if rules.stop_epochs is not None:
            self.stop = rules.steps(examples, rules.stop_epochs)
        whiten_steps = rules.steps(examples, rules.whiten_epochs)
        self.tx = airbench.optimizer(rules, self.total, whiten_steps)

    def begin(self, key: Array, data: Data) -> tuple[Fixed, State]:
        """Before the first update."""
        init_key, flip_key, order_key, shift_key = jax.random.split(key, 4)
        params, stats = airbench.init(init_key, self.rules)
        stem = airbench.whitening(airbench.as_input(data.images[: self.rules.stem_examples]))
        bordered = airbench.padded(data.images, self.rules.translate)
        first = jax.random.bernoulli(flip_key, 0.5, (self.examples,))
        fixed = Fixed(data, stem, bordered, first, order_key, shift_key)
        order = jnp.arange(self.examples)
        return fixed, State(params, stats, self.tx.init(params), (params, stats), order)

    def update(self, fixed: Fixed, state: State, step: Array) -> tuple[State, Array]:
        """One update, and the mean loss of its batch."""
        epoch, place = step // self.per_epoch, step % self.per_epoch

        def draw() -> Array:
            key = jax.random.fold_in(fixed.order_key, epoch)
            return jax.random.permutation(key, self.examples)

        order = jax.lax.cond(place == 0, draw, lambda: state.order)
        images, labels = self._batch(fixed, order, step)
        state, loss = updated(
            self.rules, self.tx, fixed.stem, state._replace(order=order), images, labels
        )
        if self.rules.lookahead:
            state = looked_ahead(state, step + 1, self.total)
        return state, loss / self.rules.batch_size

    def _batch(self, fixed: Fixed, order: Array, step: Array) -> tuple[Array, Array]:
        """Normalised images [B, H, W, 3] and labels [B]."""
        size, border = self.rules.batch_size, self.rules.translate
        epoch, place = step // self.per_epoch, step % self.per_epoch
        rows = jax.lax.dynamic_slice(order, (place * size,), (size,))
        key = jax.random.fold_in(fixed.shift_key, step)
        shifts = jax.random.randint(key, (size, 2), 0, 2 * border + 1)
        images = airbench.shifted(fixed.bordered[rows], shifts, border)
        flips = airbench.is_mirrored(fixed.flipped_first[rows], epoch)
        return airbench.as_input(airbench.mirrored(images, flips)), fixed.data.labels[rows]

    def is_measured(self, step: int | Array) -> bool | Array:
        """Whether the curve has a point after this update: at the end of each epoch."""
        return ((step + 1) % self.per_epoch == 0) | (step == self.stop - 1)

    def right(
        self, fixed: Fixed, weights: Weights, images: Array, labels: Array, views: bool
    ) -> Array:
        """How many test images uint8 are told right."""

        def predict(inputs: Array) -> Array:
            params, stats = weights
            return airbench.forward(params, stats, fixed.stem, inputs, self.rules, train=False)[0]

        inputs = airbench.as_input(images)
        logits = airbench.over_views(predict, inputs) if views else predict(inputs)
        return (logits.argmax(-1) == labels).sum()

    def last_weights(self, state: State) -> Weights:
        """Those that are evaluated at the end."""
        return state.slow if self.rules.lookahead else (state.params, state.stats)

    def one_program(self, key: Array, data: Data) -> Result:
        """The whole training as one pure function."""
        fixed, start = self.begin(key, data)

        def accuracy(weights: Weights, views: bool) -> Array:
            parts = _in_parts(data)
            counts = jax.lax.map(lambda part: self.right(fixed, weights, *part, views), parts)
            return counts.sum() / len(data.test_labels)

        def one(state: State, step: Array) -> tuple[State, tuple[Array, Array]]:
            state, loss = self.update(fixed, state, step)
            if not self.rules.curve:
                return state, (loss, jnp.float32(jnp.nan))
            weights = (state.params, state.stats)
            measure = partial(accuracy, views=False)
            nothing = lambda weights: jnp.float32(jnp.nan)  # noqa: E731
            point = jax.lax.cond(self.is_measured(step), measure, nothing, weights)
            return state, (loss, point)

        state, (losses, accuracies) = jax.lax.scan(one, start, jnp.arange(self.stop))
        final = accuracy(self.last_weights(state), self.rules.views)
        return Result(losses, accuracies, final)

    def one_by_one(self, key: Array, data: Data) -> Result:
        """The same, each update sent by the host."""
        fixed, state = jax.jit(self.begin)(key, data)
        update = jax.jit(self.update)
        right = jax.jit(self.right, static_argnames="views")

        def accuracy(weights: Weights, views: bool) -> float:
            parts = zip(*_in_parts(data))
            counts = [int(right(fixed, weights, *part, views=views)) for part in parts]
            return sum(counts) / len(data.test_labels)

        losses, accuracies = [], []
        for step in range(self.stop):
            state, loss = update(fixed, state, jnp.int32(step))
            losses.append(float(loss))
            point = math.nan
            if self.rules.curve and self.is_measured(step):
                point = accuracy((state.params, state.stats), views=False)
            accuracies.append(point)
        final = accuracy(self.last_weights(state), self.rules.views)
        return Result(*map(jnp.asarray, (losses, accuracies, final)))


def updated(
    rules: Rules,
    tx: optax.GradientTransformation,
    stem: Array,
    state: State,
    images: Array,
    labels: Array,
) -> tuple[State, Array]:
    """The state after one update, and the summed loss of its batch."""

    def loss_of(params: airbench.Tree) -> tuple[Array, airbench.Tree]:
        logits, stats = airbench.forward(params, state.stats, stem, images, rules, train=True)
        return airbench.smoothed_loss(logits, labels, rules.label_smoothing), stats

    (loss, stats), grads = jax.value_and_grad(loss_of, has_aux=True)(state.params)
    updates, opt_state = tx.update(grads, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return state._replace(params=params, stats=stats, opt_state=opt_state), loss


def looked_ahead(state: State, step: Array, total: int) -> State:
    """Every fifth update the slow weights follow, and the fast ones return to them."""
    keep = airbench.lookahead_share(step, total)

    def meet(slow: tuple, fast: tuple) -> tuple[tuple, tuple]:
        new = airbench.followed(slow, fast, keep)
        return new, new

    fast = (state.params, state.stats)
    stay = lambda slow, fast: (slow, fast)  # noqa: E731
    slow, (params, stats) = jax.lax.cond(step % 5 == 0, meet, stay, state.slow, fast)
    return state._replace(slow=slow, params=params, stats=stats)


def _in_parts(data: Data) -> tuple[Array, Array]:
    """The test images and labels as [parts, up to 2000, ...]."""
    size = math.gcd(len(data.test_images), 2000)
    images = data.test_images.reshape(-1, size, *data.test_images.shape[1:])
    return images, data.test_labels.reshape(-1, size)
