"""ISP's and DDNP's gates as one interface: what is open while gates learn, and in the end.

    @GATES.register("isp", "...")
    class Isp: ...

Shapes: G groups, N channels of a group.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.compress.gates.hypernetwork import (
    ChannelLogits,
    GroupSizes,
    channel_gates,
    in_order,
    relative_importance,
)
from effjax.compress.gates.soft_sizes import ramp_reach, soft_size
from effjax.compress.generators.gates import hard
from effjax.registry import Registry

Lists = list[jax.Array]  # [N] of each group
GATES: Registry = Registry("kind of gates", "a class in effjax/compress/gates/methods.py")
KEEP = 0.995  # of DDNP's running importance


@dataclasses.dataclass(frozen=True)
class Drawn:
    """Gates of one update.

    Attributes:
      gates: [N] of each group.
      shares: [G], what the budget counts.
      running: averages that are kept, {} where there are none.
    """

    gates: Lists
    shares: jax.Array
    running: Any


@GATES.register("isp", "a gate for each channel, from a GRU over the groups")
class Isp:
    """Ganjdanesh, Gao and Huang 2022: Gumbel noise while gates learn, a threshold in the end."""

    def __init__(self, sizes: Sequence[int]):
        self.sizes = tuple(sizes)
        self.logits = ChannelLogits(self.sizes)

    def init(self, key: jax.Array) -> tuple[Any, Any]:
        """(parameters, averages)."""
        return self.logits.init(key)["params"], {}

    def draw(self, params: Any, running: Any, norms: Lists, key: jax.Array) -> Drawn:
        """Soft gates; the budget counts hard ones, with the gradient of the soft ones."""
        gates = []
        shares = []
        for number, logits in enumerate(self.logits.apply({"params": params})):
            uniform = jax.random.uniform(jax.random.fold_in(key, number), logits.shape)
            gates.append(channel_gates(logits, uniform))
            shares.append(hard(gates[-1]).mean())
        return Drawn(gates, jnp.stack(shares), running)

    def settled(self, params: Any, running: Any) -> Lists:
        """Gates of 0 and 1, without noise."""
        found = self.logits.apply({"params": params})
        return [hard(channel_gates(logits)) for logits in found]

    def scores(self, params: Any, running: Any) -> list[np.ndarray]:
        """What channels are ranked by: the logits of their gates."""
        return [np.asarray(logits) for logits in self.logits.apply({"params": params})]


@GATES.register("ddnp", "how many channels a group keeps, and which, from two generators")
class Ddnp:
    """Gao et al. 2022: soft sizes with a ramp, dealt out by a learned importance."""

    def __init__(self, sizes: Sequence[int]):
        self.sizes = tuple(sizes)
        self.shares = GroupSizes(len(self.sizes))
        self.logits = ChannelLogits(self.sizes, normalised=False)

    def init(self, key: jax.Array) -> tuple[Any, Any]:
        """(parameters, averages)."""
        first, second = jax.random.split(key)
        shares = self.shares.init(first)["params"]
        params = {"sizes": shares, "importance": self.logits.init(second)["params"]}
        return params, [jnp.zeros(size) for size in self.sizes]

    def draw(self, params: Any, running: Any, norms: Lists, key: jax.Array) -> Drawn:
        """Soft masks in the order of importance, times the gates of the importance."""
        shares = self.shares.apply({"params": params["sizes"]})
        found = self.logits.apply({"params": params["importance"]})
        gates = []
        averages = []
        for number, size in enumerate(self.sizes):
            logits = found[number]
            importance = relative_importance(logits, norms[number])
            uniform = jax.random.uniform(jax.random.fold_in(key, number), (size,))
            mask = soft_size(shares[number], size, ramp_reach(size))
            gates.append(in_order(mask, importance) * channel_gates(logits, uniform))
            now = jax.lax.stop_gradient(importance)
            averages.append(KEEP * running[number] + (1 - KEEP) * now)
        return Drawn(gates, shares, averages)

    def settled(self, params: Any, running: Any) -> Lists:
        """Gates of 0 and 1, in the order of the average importance."""
        shares = self.shares.apply({"params": params["sizes"]})
        found = []
        for number, size in enumerate(self.sizes):
            mask = soft_size(shares[number], size, 0, 0.0)
            found.append(in_order(mask, running[number]))
        return found

    def scores(self, params: Any, running: Any) -> list[np.ndarray]:
        """How far a channel's place in the order lies before the cut, as a share of the group."""
        shares = np.asarray(self.shares.apply({"params": params["sizes"]}))
        found = []
        for number, size in enumerate(self.sizes):
            places = np.argsort(np.argsort(-np.asarray(running[number])))
            found.append(shares[number] - places / size)
        return found
