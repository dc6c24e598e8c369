"""PHEW: masks of walks that prefer large weights.

Patil and Dovrolis 2021, https://arxiv.org/abs/2010.11354. Walks start at the inputs and at the
outputs in turn, from one unit after another. From a unit a walk goes on with a probability in
proportion to the summed |w| of the kernel, and takes a tap of it in proportion to its |w|. What
walks have touched is kept, until that is the density. No data are needed.

Shapes: I inputs, O outputs; kernels [..., I, O].
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from effjax.errors import UserError

MOST_WALKS = 1_000_000  # walks that find nothing new any more


@dataclasses.dataclass(frozen=True)
class Steps:
    """The probabilities of one layer.

    Attributes:
      forward: [I, O], from an input unit to an output unit; rows sum to 1.
      backward: [O, I].
      taps: [O, I, side], inside a kernel.
      depthwise: whether a walk stays in its channel.
      is_conv: whether a tap is drawn, be it one among one.
    """

    forward: np.ndarray
    backward: np.ndarray
    taps: np.ndarray
    depthwise: bool = False
    is_conv: bool = True


def steps_of(kernel: Any, depthwise: bool = False) -> Steps:
    """The probabilities that the weights of a layer [..., I, O] give."""
    sizes = np.abs(np.asarray(kernel, np.float64))
    *sides, inputs, outputs = sizes.shape
    taps = sizes.reshape(-1, inputs, outputs).transpose(2, 1, 0)  # [O, I, side]
    strength = taps.sum(-1)  # [O, I]
    return Steps(
        forward=_shares(strength.T),
        backward=_shares(strength),
        taps=_shares(taps),
        depthwise=depthwise,
        is_conv=len(sides) > 0,
    )


def _shares(sizes: np.ndarray) -> np.ndarray:
    """Each row as shares of its sum; evenly where all are 0."""
    total = sizes.sum(-1, keepdims=True)
    even = np.full_like(sizes, 1 / sizes.shape[-1])
    return np.where(total > 0, sizes / np.where(total > 0, total, 1.0), even)


@dataclasses.dataclass
class Walks:
    """Masks that grow with every walk.

    Attributes:
      masks: {layer: [O, I, side]}.
      kept: how many weights were touched.
      used: how many uniform numbers were drawn.
    """

    layers: dict[str, Steps]
    uniforms: Iterator[float]
    masks: dict[str, np.ndarray] = dataclasses.field(init=False)
    kept: int = 0
    used: int = 0

    def __post_init__(self) -> None:
        self.masks = {name: np.zeros(steps.taps.shape, bool) for name, steps in self.layers.items()}

    def grow(self, wanted: int, last_draws: bool = True) -> None:
        """Walks until `wanted` weights are kept.

        Args:
          last_draws: whether a forward walk draws its place in front of the last layer too, as the
            authors' code does; it is a choice among one.
        """
        ends = list(self.layers.values())
        inputs = ends[0].forward.shape[0]
        outputs = ends[-1].backward.shape[0]
        for number in range(MOST_WALKS):
            if self.kept >= wanted:
                return
            turn, backwards = divmod(number, 2)
            if backwards:
                self._backwards(turn % outputs)
            else:
                self._forwards(turn % inputs, last_draws)
        raise UserError(
            f"walks touch {self.kept} weights at most, {wanted} were asked for\n"
            "give a smaller density, or another score"
        )

    def _forwards(self, unit: int, last_draws: bool) -> None:
        last = list(self.layers)[-1]
        for name, steps in self.layers.items():
            if not steps.depthwise:
                unit %= steps.forward.shape[0]  # queries, keys and values stand side by side
            if name == last and last_draws:
                self._draw()
            if steps.depthwise:
                self._take(name, steps, unit, 0)
                continue
            goal = self._choose(steps.forward[unit])
            self._take(name, steps, goal, unit)
            unit = goal

    def _backwards(self, unit: int) -> None:
        for name, steps in reversed(self.layers.items()):
            if steps.depthwise:
                self._take(name, steps, unit, 0)
                continue
            source = self._choose(steps.backward[unit])
            self._take(name, steps, unit, source)
            unit = source

    def _take(self, name: str, steps: Steps, goal: int, source: int) -> None:
        shares = steps.taps[goal, source]
        tap = self._choose(shares) if steps.is_conv else 0
        place = (goal, source, tap)
        self.kept += not self.masks[name][place]
        self.masks[name][place] = True

    def _choose(self, shares: np.ndarray) -> int:
        found = np.searchsorted(np.cumsum(shares), self._draw(), side="right")
        return min(int(found), len(shares) - 1)  # shares may sum to a little less than 1

    def _draw(self) -> float:
        self.used += 1
        return next(self.uniforms)


def in_a_chain(weights: Mapping[str, Any]) -> dict[str, Steps]:
    """The probabilities of layers that follow one another; raises UserError if they do not."""
    found: dict[str, Steps] = {}
    before = ""  # the name of the layer before
    reached = None  # how many outputs it has
    for name, kernel in weights.items():
        *_, inputs, outputs = kernel.shape
        depthwise = inputs == 1 and reached == outputs
        if reached is not None and not depthwise and reached % inputs:
            raise UserError(
                f"PHEW walks from layer to layer: {before} has {reached} outputs, {name} has "
                f"{inputs} inputs\ntake another score for this network"
            )
        found[name] = steps_of(kernel, depthwise)
        before = name
        reached = outputs
    return found


def phew_masks(weights: Mapping[str, Any], density: float, seed: int) -> dict[str, np.ndarray]:
    """Masks of a network whose layers follow one another.

    Args:
      weights: {layer: kernel [..., I, O]}, in the order of the network.

    Raises:
      UserError: the layers do not follow one another.
    """
    rng = np.random.default_rng(seed)
    walks = Walks(in_a_chain(weights), iter(rng.random, None))
    total = sum(math.prod(kernel.shape) for kernel in weights.values())
    walks.grow(max(1, int(density * total)))
    found = {}
    for name, mask in walks.masks.items():
        found[name] = mask.transpose(2, 1, 0).reshape(weights[name].shape).astype(np.int8)
    return found
