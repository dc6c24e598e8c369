"""A network as a program of its weights, whose paths are counted by `flow`.

Shapes: I input channels of a layer.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr

from effjax.compress.flow import Run
from effjax.compress.path_rules import Value

Network = Callable[[Mapping[str, Any], Any], Any]  # ({path: weights}, inputs) -> outputs


@dataclasses.dataclass(frozen=True)
class Program:
    """A network as a program of its weights.

    Args:
      jaxpr: of function(weights, inputs), whose norms are left out.
      weights: {path: value}, those that masks replace first; all others are 1, biases 0.
      inputs: an array of ones.
    """

    jaxpr: ClosedJaxpr
    weights: dict[str, Any]
    inputs: Any

    def run(
        self,
        masks: Mapping[str, Any],
        own_rule: bool = False,
    ) -> tuple[Value, Run]:
        """The numbers of paths at the outputs, and what was met on the way."""
        run = Run(own_rule)
        values = []
        for path in sorted(self.weights):
            values.append(Value(masks.get(path, self.weights[path]), "weight", leaf=path))
        values.append(Value(self.inputs, "paths"))
        (output,) = run.program(self.jaxpr.jaxpr, self.jaxpr.consts, values)
        return output, run


def make_program(
    network: Network,
    weights: Mapping[str, Any],
    inputs: Any,
) -> Program:
    """The program of a network, see `Program`.

    Args:
      network: ({path: array}, inputs) -> outputs, without norms.
      weights: as the paths are to be counted: 1 for kernels and scales, 0 for biases.
    """
    ordered = {path: weights[path] for path in sorted(weights)}
    jaxpr = jax.make_jaxpr(network)(ordered, inputs)
    return Program(jaxpr, ordered, inputs)


def log_paths(
    program: Program,
    masks: Mapping[str, Any],
    own_rule: bool = False,
) -> Any:
    """The logarithm of the number of paths; -inf where there is none.

    Args:
      own_rule: DPaI's own count (Xiang et al., ICLR 2025): each layer divides its input by its
        largest number and adds the logarithm back. With shortcuts that is not the number of paths:
        the branches are divided by different numbers, and every number is added back.
    """
    output, run = program.run(masks, own_rule)
    return jnp.log(output.array.sum()) + output.log + run.log


def reached(
    program: Program,
    masks: Mapping[str, Any],
) -> dict[str, Any]:
    """{path of a layer: log of the numbers of paths that reach its inputs, [I]}."""
    _, run = program.run(masks)
    return {layer.leaf: layer.inputs for layer in run.layers}
