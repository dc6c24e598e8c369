"""The layers that can have fewer bits: what they hold, what they compute, what is left in float.

Shapes: H W space, I inputs and O outputs of a layer, K its taps.
"""

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
from flax import linen as nn

from effjax import models
from effjax.compress.quantised import FLOAT, PRODUCT, bits_of, in_float
from effjax.compress.written import read_written
from effjax.models import ImageModel
from effjax.runs.atomic import write_atomically

RECORD = "quantised.json"
FLOAT_BYTES = 4


@dataclasses.dataclass(frozen=True)
class Layer:
    """A layer with a kernel.

    Attributes:
      path: such as "stages_0/blocks_0/mlp/fc1".
      kernel: its shape [K..., I, O].
      macs: multiply-adds of one image.
    """

    path: str
    kernel: tuple[int, ...]
    macs: int

    @property
    def size(self) -> int:
        """The number of weights in the kernel."""
        return math.prod(self.kernel)

    def bytes(self, bits: int) -> int:
        """What the kernel takes: integers, and a scale in float32 for each output."""
        if bits == FLOAT:
            return FLOAT_BYTES * self.size
        return math.ceil(self.size * bits / 8) + FLOAT_BYTES * self.kernel[-1]


def layers_of(
    model: ImageModel,
    variables: Any,
    image_shape: tuple[int, int, int],
) -> list[Layer]:
    """All layers with a kernel, in the order in which they are used; nothing is computed."""
    found: dict[str, Layer] = {}

    def see(
        call: Callable[..., Any],
        args: tuple,
        kwargs: dict[str, Any],
        context: nn.module.InterceptorContext,
    ) -> Any:
        output = call(*args, **kwargs)
        if context.method_name == PRODUCT:
            path = "/".join(context.module.path)
            kernel = args[1].shape
            # each output is a sum over the taps and the inputs
            macs = math.prod(output.shape[1:]) * math.prod(kernel[:-1])
            before = found.get(path)
            found[path] = Layer(path, kernel, macs + (before.macs if before else 0))
        return output

    seen = in_float(model).clone(interceptor=see)
    image = jax.ShapeDtypeStruct((1, *image_shape), "float32")
    jax.eval_shape(lambda v, x: seen.apply(v, x, train=False), variables, image)
    return list(found.values())


@dataclasses.dataclass(frozen=True)
class Summary:
    """How much of a network has fewer bits.

    Attributes:
      layers: (layer, weight bits, activation bits).
      params: the numbers of all parameters and running averages.
      macs: multiply-adds of one image, of all of the network.
    """

    layers: tuple[tuple[Layer, int, int], ...]
    params: int
    macs: int

    @property
    def rounded(self) -> list[Layer]:
        """The layers that have fewer bits."""
        return [layer for layer, weights, _ in self.layers if weights != FLOAT]

    @property
    def share_of_weights(self) -> float:
        return sum(layer.size for layer in self.rounded) / self.params

    @property
    def share_of_macs(self) -> float:
        return sum(layer.macs for layer in self.rounded) / self.macs

    @property
    def bytes(self) -> int:
        """Of the weights: kernels at their bits, all else in float32."""
        kernels = sum(layer.bytes(weights) for layer, weights, _ in self.layers)
        others = self.params - sum(layer.size for layer, _, _ in self.layers)
        return kernels + FLOAT_BYTES * others

    @property
    def float_bytes(self) -> int:
        return FLOAT_BYTES * self.params

    def rows(self) -> list[tuple[str, str]]:
        """(what, value), and what stays in floating point."""
        left = [layer.path for layer, weights, _ in self.layers if weights == FLOAT]
        rows = [
            ("layers", f"{len(self.rounded)} of {len(self.layers)}"),
            ("weights", f"{100 * self.share_of_weights:.1f} % of all parameters"),
            ("multiply-adds", f"{100 * self.share_of_macs:.1f} %"),
            ("in floating point", "norms, biases, activations, products without a learned kernel"),
        ]
        if left:
            rows.append(("and by your rule", ", ".join(left)))
        return rows


def summarise(
    model: ImageModel,
    variables: Any,
    image_shape: tuple[int, int, int],
) -> Summary:
    """Of a model that `quantise` gave, or one in floating point."""
    bits = bits_of(model)
    layers = []
    for layer in layers_of(model, variables, image_shape):
        weights, activations = bits.of(layer.path) if bits else (FLOAT, FLOAT)
        layers.append((layer, weights, activations))
    plain = in_float(model)
    leaves = jax.tree.leaves(models.abstract_variables(plain, image_shape))
    params = sum(math.prod(leaf.shape) for leaf in leaves)
    return Summary(tuple(layers), params, models.cost(plain, image_shape).macs)


def write_summary(summary: Summary, workdir: Path) -> None:
    """Writes quantised.json into a run's folder."""
    layers = {}
    for layer, weights, activations in summary.layers:
        layers[layer.path] = {
            "weight_bits": weights,
            "activation_bits": activations,
            "kernel": list(layer.kernel),
            "bytes": layer.bytes(weights),
            "macs": layer.macs,
        }
    record = {
        "bytes": summary.bytes,
        "float_bytes": summary.float_bytes,
        "share_of_weights": summary.share_of_weights,
        "share_of_macs": summary.share_of_macs,
        "layers": layers,
    }
    write_atomically(workdir / RECORD, json.dumps(record, indent=1) + "\n")


def read_summary(workdir: Path) -> dict[str, Any]:
    """quantised.json of a run.

    Raises:
      UserError: there is none, or it cannot be read.
    """
    return read_written(workdir, RECORD)
