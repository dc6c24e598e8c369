"""Recomputes the recorded cases of Once-for-All and AttentiveNAS with `effjax.compress.elastic`.

The layer is theirs: expand 1x1 - BN - act - depthwise - BN - act - squeeze-excite - 1x1 - BN. A
sub-network is a pair (kernel, expand ratio). Arrays have the recording's names in our layouts.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax.compress.elastic.kernels import every_size
from effjax.compress.elastic.norms import mean_statistics
from effjax.compress.elastic.widths import make_divisible, order_of
from effjax.models.blocks.layers import per_channel
from effjax.ops import depthwise_conv
from effjax.tasks.distillation import soft
from tests.parity.search_networks import as_ours, as_theirs, fill, images_and_labels

Spec = dict[str, Any]
Found = Iterator[tuple[str, Any]]
Arrays = dict[str, Any]
EPS = 1e-5
EXPAND, DEPTH, LAST = "inverted_bottleneck", "depth_conv", "point_linear"
KERNEL = "depth_conv.conv.conv.weight"
REDUCE, WIDEN = "depth_conv.se.fc.reduce", "depth_conv.se.fc.expand"


def compute(spec: Spec, inputs: Mapping[str, np.ndarray], keys: list[str]) -> Found:
    """Yields (key, value) for those of `keys` that this file can compute."""
    for beginning, part in PARTS.items():
        if any(key.startswith(beginning) for key in keys):
            yield from part(spec, inputs)


def _arrays(spec: Spec, name: str, prefix: str) -> Arrays:
    """{name without prefix: array}; matrices are I + 0.2 fill."""
    found = {}
    for entry, shape in spec[name]["entries"]:
        array = fill(entry, shape, spec["seed"])
        if entry.endswith("_matrix"):
            array = np.eye(shape[0]) + 0.2 * array
        elif len(shape) == 4:
            array = as_ours(array)
        elif len(shape) == 2:
            array = array.T
        found[entry.removeprefix(prefix)] = jnp.asarray(array)
    return found


def _matrices(arrays: Arrays, prefix: str) -> Arrays:
    found = {}
    for name, array in arrays.items():
        if name.startswith(prefix) and name.endswith("_matrix"):
            found[name.removeprefix(prefix).removesuffix("_matrix")] = array
    return found


# -------------------------------------------------------------------------------------- kernels


def _depthwise(spec: Spec, inputs: Any) -> Found:
    case = spec["ofa/dw"]
    arrays = _arrays(spec, "ofa/dw", "ofa.dw.")
    sizes, channels = case["kernels"], case["channels"]
    x = _images(spec, 3, case["size"], channels)

    def filters(arrays: Arrays) -> dict[int, jax.Array]:
        return every_size(arrays["conv.weight"], _matrices(arrays, ""), sizes)

    for size, kernel in filters(arrays).items():
        for count in (6, 4):
            yield f"ofa/dw/filter/k{size}/c{count}", as_theirs(kernel[..., :count])
            y = depthwise_conv(x[..., :count], kernel[..., :count])
            yield f"ofa/dw/output/k{size}/c{count}", y.transpose(0, 3, 1, 2)

    def squares(arrays: Arrays) -> jax.Array:
        y = depthwise_conv(x, filters(arrays)[min(sizes)])
        return (y**2).sum()

    for name, gradient in jax.jit(jax.grad(squares))(arrays).items():
        yield f"ofa/dw/gradient/{name}", as_theirs(gradient) if gradient.ndim == 4 else gradient


def _images(spec: Spec, count: int, size: int, channels: int, number: int = 0) -> jax.Array:
    images, _ = images_and_labels(spec["seed"], size, count, 5, number, channels)
    return jnp.asarray(images)


# ---------------------------------------------------------------------------------------- layer


def _hard_sigmoid(x: jax.Array) -> jax.Array:
    return jax.nn.relu6(x + 3) / 6


class Layer:
    """The elastic layer at one kernel size and expand ratio."""

    def __init__(self, case: Spec, size: int, expand: int):
        self.sizes, self.size = case["kernels"], size
        self.width = make_divisible(case["c"] * expand, 8)
        self.squeezed = make_divisible(self.width // 4, 8)

    def own(self, arrays: Arrays) -> Arrays:
        """The arrays of the extracted layer: the first channels of everything."""
        width, squeezed = self.width, self.squeezed
        kernels = every_size(arrays[KERNEL], _matrices(arrays, "depth_conv.conv."), self.sizes)
        found = {
            f"{EXPAND}.conv.conv.weight": arrays[f"{EXPAND}.conv.conv.weight"][..., :width],
            KERNEL: kernels[self.size][..., :width],
            f"{REDUCE}.weight": arrays[f"{REDUCE}.weight"][:, :, :width, :squeezed],
            f"{REDUCE}.bias": arrays[f"{REDUCE}.bias"][:squeezed],
            f"{WIDEN}.weight": arrays[f"{WIDEN}.weight"][:, :, :squeezed, :width],
            f"{WIDEN}.bias": arrays[f"{WIDEN}.bias"][:width],
            f"{LAST}.conv.conv.weight": arrays[f"{LAST}.conv.conv.weight"][:, :, :width],
        }
        for place in (EXPAND, DEPTH, LAST):
            for leaf in ("weight", "bias", "running_mean", "running_var"):
                name = f"{place}.bn.bn.{leaf}"
                found[name] = arrays[name] if place == LAST else arrays[name][:width]
        return found

    def __call__(self, arrays: Arrays, x: jax.Array, train: bool = False) -> tuple[Any, Arrays]:
        """(outputs [B, H, W, C], statistics of the batch)."""
        own = self.own(arrays)
        seen: Arrays = {}

        def norm(x: jax.Array, place: str) -> jax.Array:
            name = f"{place}.bn.bn."
            mean, var = own[f"{name}running_mean"], own[f"{name}running_var"]
            if train:
                mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))  # the biased one
                seen[f"{name}running_mean"], seen[f"{name}running_var"] = mean, var
            x = (x - per_channel(mean, x)) / per_channel(jnp.sqrt(var + EPS), x)
            return x * per_channel(own[f"{name}weight"], x) + per_channel(own[f"{name}bias"], x)

        x = norm(x @ own[f"{EXPAND}.conv.conv.weight"][0, 0], EXPAND)
        x = depthwise_conv(x * _hard_sigmoid(x), own[KERNEL])
        x = norm(x, DEPTH)
        x = x * _hard_sigmoid(x)
        y = x.mean((1, 2), keepdims=True) @ own[f"{REDUCE}.weight"][0, 0]
        y = jax.nn.relu(y + per_channel(own[f"{REDUCE}.bias"], y)) @ own[f"{WIDEN}.weight"][0, 0]
        y = y + per_channel(own[f"{WIDEN}.bias"], y)
        x = x * _hard_sigmoid(y)
        return norm(x @ own[f"{LAST}.conv.conv.weight"][0, 0], LAST), seen

    def params(self, arrays: Arrays) -> int:
        """What the extracted layer learns."""
        return sum(a.size for name, a in self.own(arrays).items() if "running" not in name)


def _layer(spec: Spec, inputs: Any) -> Found:
    case = spec["ofa/mb"]
    arrays = _arrays(spec, "ofa/mb", "ofa.mb.")
    yield from _outputs(spec, arrays, "before")
    for stage in range(len(case["expand"])):
        yield from _sorted_layer(spec, arrays, stage)
    yield from _statistics(spec, arrays)


def _outputs(spec: Spec, arrays: Arrays, name: str) -> Found:
    """Of all sub-networks, for the first two of four images."""
    case = spec["ofa/mb"]
    x = _images(spec, case["batch"], case["size"], case["c"])[:2]
    for size in case["kernels"]:
        for expand in case["expand"]:
            layer = Layer(case, size, expand)
            y, _ = jax.jit(layer)(arrays, x)
            yield f"ofa/mb/{name}/k{size}e{expand}", y.transpose(0, 3, 1, 2)
            yield f"ofa/mb/{name}/k{size}e{expand}/params", layer.params(arrays)


def _sorted_layer(spec: Spec, arrays: Arrays, stage: int) -> Found:
    """With channels in the order of their importance, but for the `stage` widths trained before."""
    case = spec["ofa/mb"]
    narrower = sorted((make_divisible(case["c"] * e, 8) for e in case["expand"]), reverse=True)[1:]
    kept = narrower[:stage]
    importance = np.abs(arrays[f"{LAST}.conv.conv.weight"]).sum((0, 1, 3))
    order = order_of(importance, kept)
    # the code keeps blocks apart by large numbers, which it records
    recorded = importance.copy()
    for place, width in enumerate(kept):
        end = narrower[place - 1] if place > 0 else len(importance)
        recorded[width:end] -= 1e5 * (len(narrower) - place)
    yield f"ofa/mb/stage{stage}/importance", recorded
    yield f"ofa/mb/stage{stage}/order", order
    squeeze = np.abs(arrays[f"{WIDEN}.weight"]).sum((0, 1, 3))
    squeeze_order = order_of(squeeze)
    yield f"ofa/mb/stage{stage}/se_importance", squeeze
    yield f"ofa/mb/stage{stage}/se_order", squeeze_order
    moved = dict(arrays)
    for name, axis in CHANNELS:
        moved[name] = jnp.take(moved[name], order, axis)
    for name, axis in SQUEEZED:
        moved[name] = jnp.take(moved[name], squeeze_order, axis)
    yield from _outputs(spec, moved, f"stage{stage}")


# (array, axis) of the layer's middle channels, and of those that squeeze-excite squeezes to
CHANNELS = (
    (f"{EXPAND}.conv.conv.weight", -1),
    (KERNEL, -1),
    (f"{REDUCE}.weight", -2),
    (f"{WIDEN}.weight", -1),
    (f"{WIDEN}.bias", -1),
    (f"{LAST}.conv.conv.weight", -2),
    *(
        (f"{place}.bn.bn.{leaf}", -1)
        for place in (EXPAND, DEPTH)
        for leaf in ("weight", "bias", "running_mean", "running_var")
    ),
)
SQUEEZED = ((f"{REDUCE}.weight", -1), (f"{REDUCE}.bias", -1), (f"{WIDEN}.weight", -2))


def _statistics(spec: Spec, arrays: Arrays) -> Found:
    """Of the smallest sub-network, from a batch of 4 and one of 6."""
    case = spec["ofa/mb"]
    layer = Layer(case, min(case["kernels"]), min(case["expand"]))
    of_batches, sizes = [], (4, 6)
    for number, count in enumerate(sizes):
        x = _images(spec, count, case["size"], case["c"], number)
        of_batches.append(layer(arrays, x, train=True)[1])
    for name, mean in mean_statistics(of_batches, sizes).items():
        whole = np.array(arrays[name])
        whole[: len(mean)] = mean  # channels that are not there keep theirs
        yield f"ofa/mb/statistics/{name}", whole


def _rounding(spec: Spec, inputs: Any) -> Found:
    rows = [[v, divisor, make_divisible(v, divisor)] for v, divisor in spec["ofa/make_divisible"]]
    yield "ofa/make_divisible", np.asarray(rows)


# --------------------------------------------------------------------------------------- losses


def _soft_cross_entropy(student: jax.Array, teacher: jax.Array, temperature: float) -> jax.Array:
    """AttentiveNAS's "KL": the teacher's entropy is not subtracted; the gradient is the same."""
    share = jax.nn.softmax(teacher / temperature)
    entropy = -(share * jnp.log(share)).sum(-1)
    return soft(student, teacher, temperature) / temperature**2 + entropy


def _smooth(logits: jax.Array, labels: Any, smoothing: float) -> jax.Array:
    targets = optax.smooth_labels(jax.nn.one_hot(labels, logits.shape[-1]), smoothing)
    return optax.softmax_cross_entropy(logits, targets).mean()


def _losses(spec: Spec, inputs: Any) -> Found:
    case = spec["ofa/loss"]
    student, teacher = (jnp.asarray(inputs[f"ofa/loss/{name}"]) for name in ("student", "teacher"))
    labels, temperature, alpha = (
        jnp.asarray(case["labels"]),
        case["temperature"],
        case["alpha"],
    )

    def kl(logits: jax.Array) -> jax.Array:
        return _soft_cross_entropy(logits, teacher, 1.0).mean()

    def kl_with_target(logits: jax.Array) -> jax.Array:
        far = _soft_cross_entropy(logits, teacher, temperature).mean()
        # theirs: the hard term is of the tempered logits, too
        hard = optax.softmax_cross_entropy_with_integer_labels(logits / temperature, labels).mean()
        return alpha * temperature**2 * far + (1 - alpha) * hard

    def smooth(logits: jax.Array) -> jax.Array:
        return _smooth(logits, labels, case["smoothing"])

    functions = {"kl_soft": kl, "kl_soft_T2_target": kl_with_target, "smooth": smooth}
    functions |= {"ce_soft": kl, "ofa_soft": kl, "ofa_smooth": smooth}
    for name, function in functions.items():
        value, gradient = jax.value_and_grad(function)(student)
        yield f"ofa/loss/{name}", value
        yield f"ofa/loss/{name}/grad", gradient


def _sandwich(spec: Spec, inputs: Any) -> Found:
    """One gradient of the sum: the largest by its labels, the others by what the largest says."""
    case = spec["ofa/mb"]
    arrays = _arrays(spec, "ofa/sandwich", "ofa.toy.")
    names = spec["ofa/sandwich/parameters"]
    images, labels = images_and_labels(spec["seed"], case["size"], 6, 5)

    def logits_of(params: Arrays, size: int, expand: int) -> jax.Array:
        whole = arrays | params
        x = jax.lax.conv_general_dilated(
            jnp.asarray(images),
            whole["stem.weight"],
            (1, 1),
            [(1, 1), (1, 1)],
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        layer = {k.removeprefix("mb."): v for k, v in whole.items() if k.startswith("mb.")}
        x, _ = Layer(case, size, expand)(layer, x, train=True)
        logits = x.mean((1, 2)) @ whole["fc.weight"]
        return logits + per_channel(whole["fc.bias"], logits)

    def losses(params: Arrays) -> tuple[jax.Array, jax.Array]:
        largest = logits_of(params, max(case["kernels"]), max(case["expand"]))
        found = [_smooth(largest, labels, spec["ofa/sandwich"]["smoothing"])]
        teacher = jax.lax.stop_gradient(largest)
        smallest = [min(case["kernels"]), min(case["expand"])]
        for size, expand in [*spec["ofa/sandwich"]["random_subnets"], smallest]:
            child = logits_of(params, size, expand)
            found.append(_soft_cross_entropy(child, teacher, 1.0).mean())
        return sum(found), jnp.stack(found)

    params = {name: arrays[name] for name in names}
    grads, found = jax.jit(jax.grad(losses, has_aux=True))(params)
    yield "ofa/sandwich/losses", found
    yield "ofa/sandwich/grad_l2", jnp.stack([jnp.linalg.norm(grads[name]) for name in names])
    yield "ofa/sandwich/grad_sum", jnp.stack([grads[name].sum() for name in names])


PARTS = {
    "ofa/dw": _depthwise,
    "ofa/mb": _layer,
    "ofa/make_divisible": _rounding,
    "ofa/loss": _losses,
    "ofa/sandwich": _sandwich,
}
