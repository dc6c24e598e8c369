"""A generator and its critic under gates of channels, and two agents that choose the gates.

Agents are the GRU of ISP (`effjax.compress.gates.hypernetwork`), each of which hears how open the
other's layers are; see `local_density` for whose idea that is.
Shapes: B batch, H W space, N channels of a layer, L layers, Z numbers of noise.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.compress.gates.hypernetwork import NO_NOISE, ChannelLogits, channel_gates
from effjax.compress.generators.gates import hard
from effjax.contract import Params
from effjax.models.blocks.initialisers import zeros_init
from effjax.models.blocks.layers import Linear
from effjax.models.families.conv_gan import ConvCritic, ConvGenerator, Judged
from effjax.search.kernel_sizes.predictors import TOKEN, orthogonal_tokens
from effjax.tasks.adversarial.players import CRITIC, GENERATOR, Seen

Lists = list[Array]  # [N] of each layer
NETWORK, AGENT = "network", "agent"  # what a player's parameters are divided into


class Agent(nn.Module):
    """Logits [N] of each layer, by what the peer's layers are like.

    Attributes:
      sizes: N of each layer.
    """

    sizes: tuple[int, ...]

    @nn.compact
    def __call__(self, peer: Array) -> Lists:
        """Args: peer: [L'], how open the layers of the other network are; zeros: not yet heard."""
        tokens = jnp.asarray(orthogonal_tokens(len(self.sizes)))
        # begins by not listening
        heard = Linear(TOKEN, kernel_init=zeros_init, name="peer")(peer)
        return ChannelLogits(self.sizes, name="logits")(tokens + heard[None])


def openness(logits: Lists) -> Array:
    """[L]: the mean gate of each layer without noise."""
    return jnp.stack([channel_gates(of_layer).mean() for of_layer in logits])


def open_gates(logits: Lists, key: Array | None) -> Lists:
    """0 or 1 for each channel; a layer of which none is open keeps its most open one.

    Args:
      key: of the noise; None: without.
    """
    found = []
    for number, of_layer in enumerate(logits):
        uniform = jnp.full(of_layer.shape, NO_NOISE)
        if key is not None:
            uniform = jax.random.uniform(jax.random.fold_in(key, number), of_layer.shape)
        soft = channel_gates(of_layer, uniform)
        is_last = (jnp.arange(len(soft)) == soft.argmax()) & (soft.max() < 0.5)
        found.append(hard(jnp.where(is_last, soft + 0.5, soft)))
    return found


@dataclasses.dataclass(frozen=True)
class GatedPlayers:
    """As `Players`, under gates; parameters are {"generator": {"network", "agent"}, "critic"}.

    Attributes:
      key: of the noise of gates; None: without.
    """

    generator: ConvGenerator
    critic: ConvCritic
    key: Array | None = None
    classifier: None = None

    @property
    def agents(self) -> dict[str, Agent]:
        """Who chooses the gates of each."""
        return {
            GENERATOR: Agent(self.generator.architecture.widths),
            CRITIC: Agent(self.critic.architecture.widths),
        }

    def init_agents(self, key: Array) -> dict[str, Params]:
        """{player: fresh parameters of its agent}."""
        silent = self._silent()
        found = {}
        for number, (name, agent) in enumerate(self.agents.items()):
            found[name] = agent.init(jax.random.fold_in(key, number), silent[name])["params"]
        return found

    def logits(self, params: Params) -> dict[str, Lists]:
        """Of both: each agent speaks, hears how open the other's layers are, and speaks again."""
        silent = self._silent()
        agents = self.agents

        def say(heard: dict[str, Array]) -> dict[str, Lists]:
            return {
                name: agent.apply({"params": params[name][AGENT]}, heard[name])
                for name, agent in agents.items()
            }

        first = say(silent)
        told = {name: jax.lax.stop_gradient(openness(said)) for name, said in first.items()}
        return say({GENERATOR: told[CRITIC], CRITIC: told[GENERATOR]})

    def _silent(self) -> dict[str, Array]:
        # what one hears has an entry for each layer of the other
        return {
            GENERATOR: jnp.zeros(len(self.critic.architecture.widths)),
            CRITIC: jnp.zeros(len(self.generator.architecture.widths)),
        }

    def gates(self, params: Params) -> dict[str, Lists]:
        """0 or 1 for each channel of both."""
        logits = self.logits(params)
        keys = (None, None) if self.key is None else jax.random.split(self.key)
        pairs = zip((GENERATOR, CRITIC), keys)
        return {name: open_gates(logits[name], key) for name, key in pairs}

    def draw(self, params: Params, noise: Array, labels: Array) -> Array:
        """Images [B, H, W, C] in [-1, 1]."""
        gates = self.gates(params)[GENERATOR]
        return gated_generator(self.generator, params[GENERATOR][NETWORK], gates, noise, labels)

    def judge(self, params: Params, seen: Seen, dropout: Array | None = None) -> Judged:
        """What the critic says; with a key, as in training."""
        gates = self.gates(params)[CRITIC]
        return gated_critic(self.critic, params[CRITIC][NETWORK], gates, seen, dropout)


def gated_generator(
    model: ConvGenerator, params: Params, gates: Lists, noise: Array, labels: Array
) -> Array:
    """Images of the generator that has the open channels alone."""

    def gated(call: Any, args: Any, kwargs: Any, context: Any) -> Array:
        path = context.module.path
        if context.method_name != "__call__" or not path or not path[0].startswith("blocks_"):
            return call(*args, **kwargs)
        number = int(path[0].removeprefix("blocks_"))
        own = gates[number][None, None, None]
        if path[1:] == ("conv",):
            # the first layer's map has the channels of the first block
            x = args[0] * own if number == 0 else args[0]
            return call(x) * own
        if path[1:] == ("norm",):
            # a mean over the open channels: closed ones are zeros
            scale = jnp.sqrt(own.size / own.sum())
            return call(args[0] * scale) / scale
        out = call(*args, **kwargs)
        return out * own if len(path) == 1 else out

    with nn.intercept_methods(gated):
        return model.apply({"params": params}, noise, labels)


def gated_critic(
    model: ConvCritic, params: Params, gates: Lists, seen: Seen, dropout: Array | None = None
) -> Judged:
    """What the critic that has the open channels alone says; features of closed ones are 0."""

    def gated(call: Any, args: Any, kwargs: Any, context: Any) -> Any:
        out = call(*args, **kwargs)
        path = context.module.path
        if context.method_name != "__call__" or not path or not path[0].startswith("blocks_"):
            return out
        return out * gates[int(path[0].removeprefix("blocks_"))][None, None, None]

    with nn.intercept_methods(gated):
        if dropout is None:
            return model.apply({"params": params}, seen.images, seen.labels)
        return model.apply({"params": params}, *seen, rngs={"dropout": dropout})


def generator_macs(model: ConvGenerator, widths: Sequence[Any]) -> Any:
    """Multiply-adds with these widths, which may be sums of gates."""
    a = model.architecture
    condition = a.latent + (a.label_width if model.num_classes else 0)
    pixels = a.start_side**2
    total = condition * pixels * widths[0]
    inputs = widths[0]
    for number, width in enumerate(widths):
        pixels *= 4 if number else 1
        total = total + 9 * pixels * inputs * width + condition * 2 * width
        inputs = width
    return total + 9 * pixels * inputs * a.in_chans


def critic_macs(model: ConvCritic, widths: Sequence[Any]) -> Any:
    """As `generator_macs`, of a critic."""
    a = model.architecture
    pixels = a.image_size**2
    total = 0
    inputs = a.in_chans
    for width in widths:
        pixels //= 4
        total = total + 16 * pixels * inputs * width
        inputs = width
    return total + pixels * inputs
