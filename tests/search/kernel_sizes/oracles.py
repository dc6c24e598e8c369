"""Problems whose right sizes are known, small enough to be solved many at once.

Shapes: N seeds, L sites, B batch, T length, C channels.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax.costs import log_ratio, shift_to
from effjax.ops import depthwise_conv
from effjax.search.kernel_sizes.discretise import energy_sizes, repair, ring_energies
from effjax.search.kernel_sizes.masks import MASKS, nearest_odd, outer_odd
from effjax.search.kernel_sizes.predictors import (
    FreeSizes,
    KernelPredictor,
    SizePredictor,
    assemble,
    to_sizes,
)
from effjax.search.kernel_sizes.sites import Site

TRUE = (3, 7, 11)
LARGEST, LENGTH, CHANNELS, BATCH = 13, 48, 6, 32


def taps(sizes):
    return sum(size**2 for size in sizes)


def band(name: str, largest: int, channels: int, length: int = LENGTH) -> Site:
    return Site((name,), "depthwise", ("wide",), (largest,), (largest,), 1, length, channels)


@dataclasses.dataclass(frozen=True)
class Stack:
    """What is learned, and how."""

    sites: tuple[Site, ...]
    mask: str = "ramp"
    sizes: str = "gru"
    kernels: str = "superkernel"
    start: float = 0.975
    form: str = "projected"
    scale: float = 0.3  # of the kernels at the start
    weight: float = 0.03
    hold: int = 400  # steps in which sizes stay at their start
    warmup: int = 500  # steps over which the budget's weight grows
    rates: tuple[float, float, float] = (1e-3, 2e-2, 5e-3)  # GRU, free sizes, kernels and others

    @functools.cached_property
    def size_predictor(self):
        count = len(self.sites)
        return FreeSizes(count) if self.sizes == "free" else SizePredictor(tuple(range(count)))

    @functools.cached_property
    def kernel_predictor(self):
        return KernelPredictor(self.sites, scale=self.scale)

    def init(self, key):
        ours, theirs, others = jax.random.split(key, 3)
        sizes = self.size_predictor.init(ours, jnp.zeros(()))
        if self.kernels == "implicit":
            kernels = self.kernel_predictor.init(theirs, [jnp.full((1,), 3.0)] * len(self.sites))
        else:
            keys = jax.random.split(theirs, len(self.sites))
            shapes = [(*site.sides(site.largest), 1, site.channels) for site in self.sites]
            kernels = [self.scale * jax.random.normal(k, s) for k, s in zip(keys, shapes)]
        return {"sizes": sizes, "kernels": kernels, "others": self.other(others)}

    def other(self, key):
        return {}

    def cost(self, v):
        return v.sum()

    def budget(self):
        return None

    def soft(self, params, share=1.0):
        logits = self.size_predictor.apply(params["sizes"], jnp.zeros(()))
        to = functools.partial(
            to_sizes, largest=[site.largest[0] for site in self.sites], start=self.start
        )
        if self.form != "projected" or self.budget() is None:
            return to(logits)
        target = self.budget() ** share * self.cost(to(0 * logits)) ** (1 - share)
        return to(logits + shift_to(lambda x: self.cost(to(logits + x)), target))

    def penalty(self, v):
        """Beside the task's loss, where the sizes do not meet the budget by themselves."""
        return (
            0.0 if self.form == "projected" else log_ratio(self.cost(v), self.budget(), self.form)
        )

    def build(self, params, share=1.0):
        """(soft sizes [L], masked kernels), on the way to the budget."""
        v = self.soft(params, share)
        each = [v[n : n + 1] for n in range(len(self.sites))]
        if self.kernels == "implicit":
            kernels = self.kernel_predictor.apply(params["kernels"], [outer_odd(s) for s in each])
        else:
            kernels = params["kernels"]
        return v, assemble(self.sites, kernels, each, MASKS[self.mask])

    def optimizer(self):
        gru, free, others = self.rates
        rates = {"sizes": free if self.sizes == "free" else gru, "kernels": others, "others": 2e-3}
        transforms = {name: optax.adam(rate) for name, rate in rates.items()}
        return optax.multi_transform(
            transforms, lambda p: {k: jax.tree.map(lambda _, k=k: k, v) for k, v in p.items()}
        )

    def run(self, seeds: int, steps: int):
        """Final params and soft sizes [N, steps, L] of `seeds` searches at once."""

        def search(seed):
            key = jax.random.key(seed)
            params, tx = self.init(key), self.optimizer()

            def step(carry, i):
                params, state = carry
                begun = 0 if self.form != "projected" else self.hold
                share = jnp.clip((i - begun) / max(1, self.warmup - begun), 0.0, 1.0)
                draw = jax.random.fold_in(key, i)
                grads, v = jax.grad(self.loss, has_aux=True)(params, draw, share)
                held = jax.tree.map(lambda g: jnp.where(i < self.hold, 0.0, g), grads["sizes"])
                updates, state = tx.update(grads | {"sizes": held}, state, params)
                return (optax.apply_updates(params, updates), state), v

            (params, _), path = jax.lax.scan(step, (params, tx.init(params)), jnp.arange(steps))
            return params, path

        return jax.jit(lambda every: jax.lax.map(search, every))(jnp.arange(seeds))

    def found(self, params, rule="energy"):
        """[N, L] sizes by a rule."""
        out = []
        for n in range(jax.tree.leaves(params)[0].shape[0]):
            v, kernels = self.build(jax.tree.map(lambda leaf, n=n: leaf[n], params))
            rings = [ring_energies(s, np.asarray(w))[0] for s, w in zip(self.sites, kernels)]
            by_energy = [energy_sizes([r])[0] for r in rings]
            if rule == "energy":
                out.append(by_energy)
            elif rule == "repaired":  # to the taps of the least windows
                out.append(repair(by_energy, rings, taps, taps((FINE, COARSE))))
            else:
                out.append(np.asarray(nearest_odd(v)).astype(int).tolist())
        return np.asarray(out)


@dataclasses.dataclass(frozen=True)
class Teacher(Stack):
    """Three residual blocks imitate three others whose kernels are random, of sizes 3, 7, 11."""

    sites: tuple[Site, ...] = tuple(band(f"block{n}", LARGEST, CHANNELS) for n in range(3))

    def other(self, key):
        # drawn here so that each seed has its own teacher; not learned, see `forward`
        names = jax.random.split(key, 4)
        mixes = jax.random.normal(names[0], (3, CHANNELS, CHANNELS)) * CHANNELS**-0.5
        kernels = [
            jax.random.normal(k, (1, size, 1, CHANNELS)) * size**-0.5
            for k, size in zip(names[1:], TRUE)
        ]
        return {"mixes": mixes, "teacher": kernels}

    def forward(self, kernels, mixes, x):
        for kernel, mix in zip(kernels, mixes):
            x = x + jax.nn.gelu(depthwise_conv(x, kernel) @ mix)
        return x

    def budget(self):
        return float(sum(TRUE))

    def loss(self, params, key, share):
        others = jax.lax.stop_gradient(params["others"])
        v, kernels = self.build(params, share)
        x = jax.random.normal(key, (BATCH, 1, LENGTH, CHANNELS))
        wanted = self.forward(others["teacher"], others["mixes"], x)
        error = jnp.square(self.forward(kernels, others["mixes"], x) - wanted).mean()
        return error + self.weight * share * self.penalty(v), v


@dataclasses.dataclass(frozen=True)
class Lag(Stack):
    """x_t = e_t +- 0.9 e_(t-d): the sign is the class; one bank of kernels must span d + 1 taps."""

    sites: tuple[Site, ...] = (band("bank", 15, 16),)
    rates: tuple[float, float, float] = (1e-3, 2e-2, 2e-2)
    needed: int = 7
    weight: float = 0.2
    sizes: str = "free"
    hold: int = 0

    def other(self, key):
        return {"linear": jnp.zeros((16, 2)), "bias": jnp.zeros(2)}

    def data(self, key, count):
        noise_key, sign_key = jax.random.split(key)
        noise = jax.random.normal(noise_key, (count, LENGTH + self.needed - 1))
        label = jax.random.bernoulli(sign_key, 0.5, (count,)).astype(jnp.int32)
        lag = self.needed - 1
        sign = (2 * label - 1)[:, None]
        x = noise[:, lag:] + 0.9 * sign * noise[:, : noise.shape[1] - lag]
        return x[:, None, :, None], label

    def logits(self, params, kernels, x):
        x = jnp.broadcast_to(x, (*x.shape[:3], 16))
        hidden = jax.nn.gelu(depthwise_conv(x, kernels[0])).mean((1, 2))
        return hidden @ params["others"]["linear"] + params["others"]["bias"][None]

    def loss(self, params, key, share):
        v, kernels = self.build(params)
        x, label = self.data(key, 64)
        logits = self.logits(params, kernels, x)
        error = optax.softmax_cross_entropy_with_integer_labels(logits, label).mean()
        return error + self.weight * share * jnp.log(v[0]), v

    def accuracy(self, params, size=None):
        """With the soft mask, or with all taps outside of `size` cut off."""
        _, kernels = self.build(params)
        if size is not None:
            inside = self.sites[0].rings()[0] <= (size - 1) / 2
            kernels = [kernels[0] * inside[:, :, None, None]]
        x, label = self.data(jax.random.key(99), 1024)
        return float((self.logits(params, kernels, x).argmax(-1) == label).mean())


FINE, COARSE, FACTOR, FILTERS = 3, 5, 3, 6


def square(name: str, largest: int, side: int) -> Site:
    return Site((name,), "depthwise", ("square",), (largest,), (largest,), side, side, FILTERS)


@dataclasses.dataclass(frozen=True)
class Textures(Stack):
    """Two textures in one image, one bit of the class in each; two stages on two resolutions.

    The fine one repeats itself 2 pixels down and right, with one sign or the other; the coarse one
    consists of cells of 3 x 3 pixels and repeats itself after 4 cells, too far for the first stage.
    The second stage sees the mean of each cell. So 3 x 3 and 5 x 5 windows are the least.
    """

    sites: tuple[Site, ...] = (square("fine", 7, 30), square("coarse", 7, 10))
    weight: float = 1.0
    rates: tuple[float, float, float] = (3e-3, 2e-2, 1e-2)
    hold: int = 400

    def other(self, key):
        return {"linear": jnp.zeros((2 * FILTERS, 4)), "bias": jnp.zeros(4)}

    def data(self, key, count):
        keys = jax.random.split(key, 3)
        label = jax.random.randint(keys[0], (count,), 0, 4)

        def texture(key, side, lag, bit):
            noise = jax.random.normal(key, (count, side + lag, side + lag))
            sign = (2 * bit - 1)[:, None, None]
            return noise[:, lag:, lag:] + 0.9 * sign * noise[:, :side, :side]

        fine = texture(keys[1], 30, FINE - 1, label % 2)
        coarse = texture(keys[2], 10, COARSE - 1, label // 2)
        coarse = jnp.repeat(jnp.repeat(coarse, FACTOR, 1), FACTOR, 2)
        return (fine + coarse)[..., None], label

    def logits(self, params, kernels, x):
        cells = x.reshape(-1, 10, FACTOR, 10, FACTOR, 1).mean((2, 4))
        features = []
        for y, kernel in zip((x, cells), kernels):
            y = jnp.broadcast_to(y, (*y.shape[:3], FILTERS))
            features.append(jax.nn.gelu(depthwise_conv(y, kernel)).mean((1, 2)))
        hidden = jnp.concatenate(features, -1)
        return hidden @ params["others"]["linear"] + params["others"]["bias"][None]

    def cost(self, v):
        return jnp.square(v).sum()

    def budget(self):
        return float(taps((FINE, COARSE)))

    def loss(self, params, key, share):
        v, kernels = self.build(params, share)
        x, label = self.data(key, 32)
        logits = self.logits(params, kernels, x)
        error = optax.softmax_cross_entropy_with_integer_labels(logits, label).mean()
        return error + self.weight * share * self.penalty(v), v
