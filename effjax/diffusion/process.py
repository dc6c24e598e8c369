"""What every process offers, so that a task and a sampler need not know which one it is.

Shapes: B batch, ... the axes of an example.
"""

from collections.abc import Callable
from typing import Protocol

from jax import Array

# (x [B, ...], time [B]) -> what the network gives, in the process's own terms. The time is what
# the network is told: a step of a chain, a share of the way, or a function of the noise level.
Network = Callable[[Array, Array], Array]
# number of a draw -> normal noise [B, ...]: each example has draws of its own
NoiseAt = Callable[[int | Array], Array]


class Process(Protocol):
    """How clean examples become noise, what a network learns of it, and the way back.

    `clean` and `noise` are [B, ...], of one shape. `time` is the process's own, as its method
    `time` gives it: one number of each example, [B]; of MeanFlow two, [B, 2].
    """

    def time(self, uniform: Array, normal: Array) -> Array:
        """The time of each example, out of one uniform and one normal draw [B]."""

    def noisy(self, clean: Array, noise: Array, time: Array) -> Array:
        """[B, ...]: the example at `time`."""

    def loss(
        self,
        network: Network,
        clean: Array,
        noise: Array,
        time: Array,
        step: Array,
    ) -> Array:
        """[B]: the loss of each example, as training has it at update `step`, a scalar."""

    def error(
        self,
        network: Network,
        clean: Array,
        noise: Array,
        time: Array,
    ) -> Array:
        """[B]: the unweighted squared error of what the network predicts."""
