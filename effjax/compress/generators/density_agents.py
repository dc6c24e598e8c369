"""The task `density_agents`: two agents prune a generator and its critic, and hear each other.

A reconstruction of Ganjdanesh et al. 2024, https://arxiv.org/abs/2312.14776 (no code is published;
see `local_density` for its objective). By turns, as in any adversarial run:

    critic:     its weights and its agent   the game's loss + weight |log(multiply-adds / budget)|
    generator:  its agent alone             the game's loss + weight |log(multiply-adds / budget)|
                                            + the difference of densities in neighbourhoods

The generator's weights are held. `channels.json` has what stays, with which `narrow_generator`
begins. Shapes: B batch, H W space, Z numbers of noise, N samples of the original, M neighbourhoods,
k members of each, D features.
"""

import dataclasses
import functools
from collections.abc import Hashable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from effjax.compress.generators.gan_teacher import check_critic, gan_teacher
from effjax.compress.generators.gated_gan import (
    AGENT,
    NETWORK,
    GatedPlayers,
    critic_macs,
    generator_macs,
)
from effjax.compress.generators.kept_channels import (
    KeptChannels,
    channels_within,
    write_channels,
)
from effjax.compress.generators.local_density import density_loss, neighbourhoods
from effjax.compress.generators.router import resource_loss
from effjax.contract import Apply, Batch, Metrics, Params, TrainState
from effjax.costs import Budget
from effjax.errors import UserError
from effjax.models.families.conv_gan import ConvCritic, ConvGenerator
from effjax.ranges import NotNegative, Range
from effjax.tasks.adversarial.options import AdversarialConfig
from effjax.tasks.adversarial.players import CRITIC, GENERATOR, Players
from effjax.tasks.adversarial.step import Part, Step
from effjax.tasks.adversarial.task import Adversarial
from effjax.tasks.registry import register_task

Several = Annotated[int, Range(2, 65536)]
MACS = {GENERATOR: generator_macs, CRITIC: critic_macs}


class Samples(NamedTuple):
    """The original generator's samples.

    Attributes:
      noise: [N, Z].
      labels: [N].
      features: [N, D], of the original critic.
      near: [N, k], the neighbourhood of each.
    """

    noise: np.ndarray
    labels: np.ndarray
    features: np.ndarray
    near: np.ndarray


@dataclasses.dataclass(frozen=True)
class DensityStep(Step):
    """A step whose critic has a budget too.

    Attributes:
      spent: parameters -> {player: multiply-adds as a share of its budget}.
      budget_weight: of the distance to it.
    """

    spent: Any = None
    budget_weight: float = 0.0

    def critic_loss(
        self, params: Params, part: Part, fakes: Array, key: Array
    ) -> tuple[Array, Metrics]:
        loss, metrics = super().critic_loss(params, part, fakes, key)
        share = self.spent(params)[CRITIC]
        metrics["critic_cost"] = (share, jnp.ones(()))
        return loss + self.budget_weight * resource_loss(share, 1.0), metrics


@register_task("density_agents", "which channels of a trained generator and its critic stay")
class DensityAgents(Adversarial):
    """Learns two agents; parameters are {"generator", "critic"}, each {"network", "agent"}."""

    @dataclasses.dataclass(frozen=True)
    class Config(AdversarialConfig):
        """Keys of `config.task`."""

        teacher: str = ""  # the folder of an adversarial run with the same networks
        budget: str = "0.5x"  # multiply-adds of the generator
        critic_budget: str = "0.5x"
        budget_weight: NotNegative = 2.0
        density: NotNegative = 1.0  # weight of the difference of densities
        samples: Several = 512  # of the original generator, among which neighbours are looked for
        neighbourhoods: Several = 8  # in an update
        members: Several = 8  # of a neighbourhood, its centre among them

        def __post_init__(self) -> None:
            if self.ratio_clip is not None:
                raise UserError("agents prune no classifier; leave out config.task.ratio_clip")
            if self.members > self.samples:
                raise UserError(
                    f"config.task.members = {self.members} of {self.samples} samples: give fewer"
                )

    # ------------------------------------------------------------------------------ networks

    @functools.cached_property
    def whole(self) -> Players:
        """The networks that are pruned.

        Raises:
          UserError: others than plain convolutions.
        """
        found = Adversarial.players.func(self)
        if not isinstance(found.generator, ConvGenerator) or not isinstance(
            found.critic, ConvCritic
        ):
            raise UserError("agents prune conv_generator_tiny, conv_critic_tiny and the like")
        return found

    @functools.cached_property
    def players(self) -> GatedPlayers:
        """Both under the gates that are open without noise."""
        return GatedPlayers(self.whole.generator, self.whole.critic)

    @functools.cached_property
    def teacher(self) -> Params:
        """What the teacher's run has learned, on the host."""
        return gan_teacher(self.options.teacher, self.whole.generator)

    @functools.cached_property
    def samples(self) -> Samples:
        """The original generator's samples, which are constants of the step."""
        count = self.options.samples
        rng = np.random.default_rng(self.config.seed)
        noise = rng.standard_normal((count, self.model.architecture.latent)).astype(np.float32)
        labels = rng.integers(0, max(self.model.num_classes, 1), count).astype(np.int32)
        teacher = self.teacher
        with jax.ensure_compile_time_eval():
            draw = jax.jit(lambda *given: self.features(self.whole.draw(teacher, *given), given[1]))
            features = draw(noise, labels)
            near = neighbourhoods(features, self.options.members)
            return Samples(noise, labels, np.asarray(features), np.asarray(near))

    def features(self, images: Array, labels: Array) -> Array:
        """[B, D]: what the original critic looks at."""
        critic = {"params": self.teacher[CRITIC]}
        return self.whole.critic.apply(critic, images, labels).features

    # -------------------------------------------------------------------------- what it learns

    def init(self, rng: Array, batch: Batch) -> tuple[Params, Any]:
        params = self.whole.init(rng, self.split.image_shape)
        teacher = self.teacher
        check_critic(self.options.teacher, teacher[CRITIC], params[CRITIC])
        for name, sizes in self._sizes().items():
            # refused before anything is trained
            self._kept(name, [np.zeros(size) for size in sizes])
        agents = self.players.init_agents(jax.random.fold_in(rng, 4))
        found = {}
        for name in (GENERATOR, CRITIC):
            network = jax.tree.map(jnp.asarray, teacher[name])
            found[name] = {NETWORK: network, AGENT: agents[name]}
        return found, {}

    def groups(self, params: Params) -> Any:
        """The generator's weights are held."""
        labels = super().groups(params)
        held = jax.tree.map(lambda _: "frozen", labels[GENERATOR][NETWORK])
        return {**labels, GENERATOR: {**labels[GENERATOR], NETWORK: held}}

    def update(
        self,
        state: TrainState,
        batch: Batch,
        rng: Array,
        apply: Apply,
        variant: Hashable = (),
    ) -> tuple[TrainState, Metrics]:
        gates_key, centres_key, rng = jax.random.split(rng, 3)
        # one draw of gates for all updates of the step
        players = dataclasses.replace(self.players, key=gates_key)

        def beside(params: Params, noise: Array, labels: Array) -> dict[str, Array]:
            budget = resource_loss(self.spent(params, players)[GENERATOR], 1.0)
            values = {
                "cost_loss": self.options.budget_weight * budget,
                "density_loss": self.options.density * self.density(params, players, centres_key),
            }
            return {name: jnp.full(len(noise), value) for name, value in values.items()}

        step = DensityStep(
            players,
            self.options,
            apply,
            self.batch_axis,
            beside,
            spent=functools.partial(self.spent, players=players),
            budget_weight=self.options.budget_weight,
        )
        state, metrics = step.run(state, self.part(batch), rng)
        share = self.spent(state.params, players)[GENERATOR]
        return state, metrics | {"cost": (share, jnp.ones(()))}

    def density(self, params: Params, players: GatedPlayers, key: Array) -> Array:
        """The difference of densities in some neighbourhoods."""
        known = self.samples
        shape = (self.options.neighbourhoods,)
        centres = jax.random.randint(key, shape, 0, self.options.samples)
        members = jnp.asarray(known.near)[centres]  # [M, k]
        wanted = jnp.asarray(known.features)[members]  # [M, k, D]
        flat = members.reshape(-1)
        labels = jnp.asarray(known.labels)[flat]
        images = players.draw(params, jnp.asarray(known.noise)[flat], labels)
        return density_loss(self.features(images, labels).reshape(wanted.shape), wanted)

    def spent(self, params: Params, players: GatedPlayers) -> dict[str, Array]:
        """{player: its multiply-adds under gates, as a share of its budget}."""
        found = {}
        for name, gates in players.gates(params).items():
            limit = self._budget(name).relative_to(self._macs(name, self._sizes()[name])).limit
            found[name] = self._macs(name, [layer.sum() for layer in gates]) / limit
        return found

    def _budget(self, name: str) -> Budget:
        given = self.options.budget if name == GENERATOR else self.options.critic_budget
        return Budget("macs", given)

    def _macs(self, name: str, widths: Any) -> Any:
        return MACS[name](getattr(self.whole, name), widths)

    def _sizes(self) -> dict[str, tuple[int, ...]]:
        return {name: getattr(self.whole, name).architecture.widths for name in MACS}

    # ------------------------------------------------------------------------------ its end

    def network_alone(self, params: Params, model_state: Any) -> tuple[Params, Any]:
        """Refused: what is pruned draws after it was trained on alone."""
        raise UserError(
            f"task {self.name!r} ends in channels, not in a generator\n"
            "train one: effjax train --config=configs/compress/narrow_gan_digits.py:density"
        )

    def kept(self, params: Params) -> KeptChannels:
        """The channels that stay, within both budgets."""
        logits = jax.jit(self.players.logits)(params)
        found = {}
        for name, layers in logits.items():
            found[name] = self._kept(name, [np.asarray(layer) for layer in layers])
        return KeptChannels(**found)

    def _kept(self, name: str, logits: list[np.ndarray]) -> tuple[tuple[int, ...], ...]:
        return channels_within(logits, functools.partial(self._macs, name), self._budget(name))

    def finish(self, state: TrainState, workdir: Path) -> None:
        super().finish(state, workdir)
        write_channels(self.kept(state.params), workdir)
