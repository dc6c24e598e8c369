"""The network, the views and the optimizer of cifar10-airbench, as functions of arrays.

Jordan: 94% on CIFAR-10 in 3.29 Seconds on a Single GPU, 2024, https://arxiv.org/abs/2404.00498; and
its record with Muon (https://github.com/KellerJordan/cifar10-airbench). `rules` has the keys of
configs/speedrun/cifar10_94.py.

Shapes: B images, H W space, C channels, K classes.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from effjax.data import normalise
from effjax.optim.matrices import folded, orthogonalized

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
CLASSES = 10
GROUPS = ("group1", "group2", "group3")
Tree = dict[str, Any]

# ---------------------------------------------------------------- the network


def whitening(images: Array, eps: float = 5e-4) -> Array:
    """The kernel [2, 2, 3, 24] whose first half whitens the patches of images [B, H, W, 3].

    The second half is the first with its sign turned. A patch is two by two pixels.
    """
    height, width = images.shape[1] - 1, images.shape[2] - 1
    corners = [images[:, i : i + height, j : j + width] for i in (0, 1) for j in (0, 1)]
    patches = jnp.concatenate(corners, axis=-1).reshape(-1, 12)
    second_moment = patches.T @ patches / len(patches)
    values, vectors = jnp.linalg.eigh(second_moment)
    half = vectors / jnp.sqrt(values + eps)[None]  # a column for each output
    return jnp.concatenate([half, -half], axis=1).reshape(2, 2, 3, 24)


def init(key: Array, rules: Any) -> tuple[Tree, Tree]:
    """Parameters and running statistics; the stem's kernel is neither, see `whitening`."""
    keys = iter(jax.random.split(key, 8))
    bound = rules.whiten_bias
    params: Tree = {
        "whiten": {"bias": jax.random.uniform(next(keys), (24,), minval=-bound, maxval=bound)}
    }
    stats: Tree = {}
    inputs = 24
    for group, width in zip(GROUPS, rules.widths, strict=True):
        params[group], stats[group] = {}, {}
        for layer in ("1", "2"):
            params[group][f"conv{layer}"] = _partial_identity(next(keys), inputs, width)
            params[group][f"bias{layer}"] = jnp.zeros(width)
            stats[group][f"mean{layer}"] = jnp.zeros(width)
            stats[group][f"var{layer}"] = jnp.ones(width)
            inputs = width
    bound = inputs**-0.5
    head = jax.random.uniform(next(keys), (inputs, CLASSES), minval=-bound, maxval=bound)
    if rules.head_std is not None:
        head = head * (rules.head_std / jnp.std(head, ddof=1))
    params["head"] = {"kernel": head}
    return params, stats


def _partial_identity(key: Array, inputs: int, outputs: int) -> Array:
    """A kernel [3, 3, inputs, outputs] whose first outputs are the inputs themselves."""
    bound = (9 * inputs) ** -0.5
    kernel = jax.random.uniform(key, (3, 3, inputs, outputs), minval=-bound, maxval=bound)
    same = jnp.zeros((3, 3, inputs, inputs)).at[1, 1].set(jnp.eye(inputs))
    return kernel.at[..., :inputs].set(same[..., :outputs])


def forward(
    params: Tree, stats: Tree, stem: Array, images: Array, rules: Any, train: bool
) -> tuple[Array, Tree]:
    """Logits [B, K] of normalised images [B, H, W, 3], and the new running statistics."""
    x = images.astype(rules.dtype)
    x = _convolved(x, stem, "VALID")
    x = _gelu(x + _per_channel(params["whiten"]["bias"]).astype(x.dtype))
    new: Tree = {}
    for group in GROUPS:
        own, old, new[group] = params[group], stats[group], {}
        for layer in ("1", "2"):
            x = _convolved(x, own[f"conv{layer}"], "SAME")
            if layer == "1":
                x = _pooled(x, 2)
            x, mean, var = _normed(x, old[f"mean{layer}"], old[f"var{layer}"], rules, train)
            new[group] |= {f"mean{layer}": mean, f"var{layer}": var}
            x = _gelu((x + _per_channel(own[f"bias{layer}"])).astype(rules.dtype))
    x = _pooled(x, 3)  # [B, 1, 1, C]
    x = x.reshape(len(x), -1).astype(jnp.float32)
    return rules.logit_scale * (x @ params["head"]["kernel"]), new


def _convolved(x: Array, kernel: Array, padding: str) -> Array:
    numbers = ("NHWC", "HWIO", "NHWC")
    kernel = kernel.astype(x.dtype)
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), padding, dimension_numbers=numbers)


def _pooled(x: Array, size: int) -> Array:
    window = (1, size, size, 1)
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, window, "VALID")


def _gelu(x: Array) -> Array:
    return jax.nn.gelu(x, approximate=False)


def _normed(
    x: Array, running_mean: Array, running_var: Array, rules: Any, train: bool
) -> tuple[Array, Array, Array]:
    """x normalised in float32, and the new running statistics; there is no scale."""
    x = x.astype(jnp.float32)
    mean, var = running_mean, running_var
    if train:
        axes = (0, 1, 2)
        mean, var = x.mean(axes), x.var(axes)
        count = x.size // x.shape[-1]
        keep = rules.norm_keep
        running_mean = keep * running_mean + (1 - keep) * mean
        running_var = keep * running_var + (1 - keep) * var * (count / (count - 1))
    factor = _per_channel(jax.lax.rsqrt(var + 1e-12))
    return (x - _per_channel(mean)) * factor, running_mean, running_var


def _per_channel(values: Array) -> Array:
    """[C] -> [1, 1, 1, C]."""
    return values[None, None, None]


# ---------------------------------------------------------------- the views


def padded(images: Array, border: int) -> Array:
    """Images with their own reflection as a border."""
    none, both = (0, 0), (border, border)
    return jnp.pad(images, (none, both, both, none), mode="reflect")


def shifted(images: Array, shifts: Array, border: int) -> Array:
    """Windows [B, H, W, 3] of `padded` images, [B, 2] pixels from the corner: 0 ... 2 border."""
    height, width = images.shape[1] - 2 * border, images.shape[2] - 2 * border

    def cut(image: Array, shift: Array) -> Array:
        return jax.lax.dynamic_slice(image, (shift[0], shift[1], 0), (height, width, 3))

    return jax.vmap(cut)(images, shifts)


def is_mirrored(first: Array, epoch: Array) -> Array:
    """Which images are mirrored in an epoch: those that were not in the one before.

    Args:
      first: bool [B], in epoch 0.
    """
    return first ^ (epoch % 2 == 1)


def mirrored(images: Array, chosen: Array) -> Array:
    """Images with those that are `chosen` (bool [B]) turned left to right."""
    return jnp.where(chosen[:, None, None, None], images[:, :, ::-1], images)


def over_views(predict: Any, images: Array) -> Array:
    """The mean of the logits of six views, half of it from the images as they lie.

    The other half are shifts by one pixel, up left and down right; all are seen mirrored, too.
    """
    both = lambda x: (predict(x) + predict(x[:, :, ::-1])) / 2  # noqa: E731
    bordered = padded(images, 1)
    up_left, down_right = bordered[:, :-2, :-2], bordered[:, 2:, 2:]
    return both(images) / 2 + (both(up_left) + both(down_right)) / 4


def as_input(images: Array) -> Array:
    """uint8 -> float32, normalised."""
    return normalise(images, MEAN, STD)


# ---------------------------------------------------------------- the optimizer


def share(rules: Any, steps: int) -> optax.Schedule:
    """The share of the full learning rate at a step."""
    if rules.schedule == "linear":
        return optax.linear_schedule(1.0, 0.0, steps)
    rising = int(0.23 * steps)
    up = optax.linear_schedule(0.2, 1.0, rising)
    down = optax.linear_schedule(1.0, 0.07, steps - rising)
    return optax.join_schedules([up, down], [rising])


def optimizer(rules: Any, steps: int, whiten_steps: int) -> optax.GradientTransformation:
    """Each group with its rate; the biases of the stem learn for `whiten_steps`."""
    of_run = share(rules, steps)

    def of_stem(step: Array) -> Array:
        # the record gives them a ramp of their own, the paper the common one
        early = 1 - step / whiten_steps if rules.schedule == "linear" else of_run(step)
        return jnp.where(step < whiten_steps, early, 0.0)

    sgd = lambda rate, at: nesterov(rate, at, rules.momentum, rules.decay)  # noqa: E731
    kernels = sgd(rules.kernel_rate, of_run)
    if rules.optimizer == "muon":
        kernels = normalised_muon(rules.kernel_rate, of_run, rules.kernel_momentum, rules.dtype)
    transforms = {
        "whiten": sgd(rules.whiten_rate, of_stem),
        "bias": sgd(rules.bias_rate, of_run),
        "head": sgd(rules.head_rate, of_run),
        "kernel": kernels,
    }
    return optax.multi_transform(transforms, _labels)


def _labels(params: Tree) -> Tree:
    labels: Tree = {"whiten": {"bias": "whiten"}, "head": {"kernel": "head"}}
    for group in GROUPS:
        labels[group] = {k: "kernel" if k.startswith("conv") else "bias" for k in params[group]}
    return labels


def nesterov(
    rate: float, at: optax.Schedule, momentum: float, decay: float
) -> optax.GradientTransformation:
    """SGD with Nesterov's momentum; at the full rate p shrinks by `decay` an update."""
    return optax.chain(
        optax.add_decayed_weights(decay / rate),
        optax.trace(momentum, nesterov=True),
        optax.scale_by_learning_rate(lambda step: rate * at(step)),
    )


def normalised_muon(
    rate: float, at: optax.Schedule, momentum: float, dtype: str, ns_steps: int = 3
) -> optax.GradientTransformation:
    """Muon for kernels [I, J, C, O] that are first brought to the norm sqrt(O).

    p <- p sqrt(O) / |p| - rate orthogonalized(g + momentum buf),    buf <- momentum buf + g
    """
    trace = optax.trace(momentum, nesterov=True)

    def init(params: Tree) -> tuple[Array, Any]:
        return jnp.zeros([], jnp.int32), trace.init(params)

    def update(grads: Tree, state: tuple[Array, Any], params: Tree) -> tuple[Tree, Any]:
        step, traces = state
        directions, traces = trace.update(grads, traces)

        def leaf(u: Array, p: Array) -> Array:
            o = orthogonalized(folded(u), ns_steps, dtype).reshape(u.shape)
            length = math.sqrt(p.shape[-1])
            return p * (length / jnp.linalg.norm(p) - 1) - rate * at(step) * o

        return jax.tree.map(leaf, directions, params), (step + 1, traces)

    return optax.GradientTransformation(init, update)


def lookahead_share(step: Array, steps: int) -> Array:
    """How much of the slow weights is kept at an update of them, after `step` steps."""
    return 0.95**5 * (step / steps) ** 3


def followed(slow: Tree, fast: Tree, keep: Array) -> Tree:
    """keep slow + (1 - keep) fast."""
    return jax.tree.map(lambda s, f: keep * s + (1 - keep) * f, slow, fast)


def smoothed_loss(logits: Array, labels: Array, smoothing: float) -> Array:
    """The sum over a batch of the cross-entropies with smoothed labels."""
    targets = optax.smooth_labels(jax.nn.one_hot(labels, CLASSES), smoothing)
    return optax.softmax_cross_entropy(logits, targets).sum()
