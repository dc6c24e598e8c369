"""The task `narrow_generator`: a generator of fewer channels learns from a trained one.

GAN Compression, Li et al. 2020, https://arxiv.org/abs/2003.08936, where there are no pairs: it
plays against the teacher's critic, draws what the teacher draws of the same noise, and its maps,
through a 1x1 convolution each, are what the teacher's maps are. Their search among the widths of a
shared network is not here: all maps keep the same share of their channels.
Shapes: B batch, H W space, C channels, Z numbers of noise, M maps.
"""

import dataclasses
import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from effjax import models
from effjax.compress.generators.channels import (
    cut_critic,
    cut_generator,
    feature_errors,
    narrow_generator,
)
from effjax.compress.generators.gan_teacher import check_critic, gan_teacher
from effjax.compress.generators.kept_channels import KeptChannels, read_channels
from effjax.config import as_path
from effjax.contract import Apply, Batch, Params
from effjax.costs import Budget
from effjax.errors import UserError
from effjax.models.blocks.layers import Conv
from effjax.models.families.conv_gan import ConvGenerator, GrowingBlock, plain_init
from effjax.ranges import NotNegative
from effjax.tasks.adversarial.options import AdversarialConfig
from effjax.tasks.adversarial.players import CRITIC, GENERATOR, Players
from effjax.tasks.adversarial.step import Step
from effjax.tasks.adversarial.task import Adversarial
from effjax.tasks.registry import register_task

MAPS = "maps"  # the 1x1 convolutions, which are left out afterwards


def narrowed_widths(
    model: models.Network, budget: Budget, shape: tuple[int, int, int]
) -> tuple[int, ...]:
    """The widths of all maps times the largest share that a budget allows.

    Raises:
      UserError: no share meets it, with the range that can be met.
    """
    widths = model.architecture.widths

    def with_share(share: float) -> tuple[int, ...]:
        return tuple(max(1, math.floor(share * width)) for width in widths)

    def cost(chosen: tuple[int, ...]) -> int:
        architecture = dataclasses.replace(model.architecture, widths=chosen)
        found = models.cost(model.clone(architecture=architecture), shape)
        return getattr(found, budget.unit)

    whole = cost(widths)
    limit = budget.relative_to(whole)
    steps = max(widths)
    limit.check_reachable(
        cost(with_share(0)), whole, "widths", "give another --config.task.budget, such as 0.5x"
    )
    # costs rise with the share
    low, high = 0, steps
    while low < high:
        middle = (low + high + 1) // 2
        if limit.allows(cost(with_share(middle / steps))):
            low = middle
        else:
            high = middle - 1
    return with_share(low / steps)


@register_task("narrow_generator", "a generator of fewer channels learns from a trained one")
class NarrowGenerator(Adversarial):
    """Learns the generator of `config.model` with fewer channels, from a run of the whole one."""

    @dataclasses.dataclass(frozen=True)
    class Config(AdversarialConfig):
        """Keys of `config.task`."""

        teacher: str = ""  # the folder of an adversarial run with the same config.model
        budget: str = "0.5x"  # multiply-adds: a share of the teacher's, or a number
        reconstruction: NotNegative = 10.0  # weight of |image - the teacher's image|
        features: NotNegative = 1.0  # weight of the squared errors of the maps, added
        # the folder of a `density_agents` run, which says which channels of the generator and of
        # the critic stay, within its own budgets; None: the largest ones, and the whole critic
        channels: str | None = None

    @functools.cached_property
    def model(self) -> models.Network:
        """The narrow generator."""
        whole = self.whole
        if not isinstance(whole, ConvGenerator):
            raise UserError(
                f"config.model.name = {self.config.model.name!r}: only plain generators such as "
                "conv_generator_tiny are made narrower"
            )
        if self.kept is not None:
            widths = tuple(map(len, self.kept.generator))
        else:
            budget = Budget("macs", self.options.budget)
            widths = narrowed_widths(whole, budget, self.split.image_shape)
        return whole.clone(architecture=dataclasses.replace(whole.architecture, widths=widths))

    @functools.cached_property
    def kept(self) -> KeptChannels | None:
        """What agents have chosen, if they were asked."""
        if self.options.channels is None:
            return None
        return read_channels(as_path(self.options.channels))

    @functools.cached_property
    def players(self) -> Players:
        """With the critic that agents have left."""
        found = Adversarial.players.func(self)
        if self.kept is None:
            return found
        architecture = dataclasses.replace(
            found.critic.architecture, widths=tuple(map(len, self.kept.critic))
        )
        return found._replace(critic=found.critic.clone(architecture=architecture))

    @functools.cached_property
    def whole(self) -> models.Network:
        """The generator that `config.model` describes, which is the teacher's."""
        return Adversarial.model.func(self)

    @functools.cached_property
    def teacher(self) -> Params:
        """What the teacher's run has learned, on the host.

        Raises:
          UserError: no such run, or one of other networks.
        """
        return gan_teacher(self.options.teacher, self.whole)

    # -------------------------------------------------------------------------- what it learns

    def init(self, rng: Array, batch: Batch) -> tuple[Params, Any]:
        """Begins with the teacher's largest channels, and its critic."""
        params, state = super().init(rng, batch)
        teacher = self.teacher
        widths = self.model.architecture.widths
        critic = teacher[CRITIC]
        if self.kept is None:
            _, generator = narrow_generator(self.whole, teacher[GENERATOR], widths)
        else:
            _, generator = cut_generator(self.whole, teacher[GENERATOR], self.kept.generator)
            whole = Adversarial.players.func(self).critic
            _, critic = cut_critic(whole, critic, self.kept.critic)
        check_critic(self.options.teacher, critic, params[CRITIC])
        params |= {GENERATOR: generator, CRITIC: critic, MAPS: {}}
        key = jax.random.fold_in(rng, 3)
        for number, (width, wide) in enumerate(zip(widths, self.whole.architecture.widths)):
            blank = jnp.zeros((1, 1, 1, width))
            layer = self._map(wide).init(jax.random.fold_in(key, number), blank)
            params[MAPS][f"map_{number}"] = layer["params"]
        return jax.tree.map(jnp.asarray, params), state

    def groups(self, params: Params) -> Any:
        """The maps learn with the generator."""
        labels = super().groups(params)
        return {**labels, MAPS: jax.tree.map(lambda _: GENERATOR, labels[MAPS])}

    @staticmethod
    def _map(width: int) -> Conv:
        return Conv(width, (1, 1), kernel_init=plain_init)

    def step(self, apply: Apply) -> Step:
        step = super().step(apply)
        return dataclasses.replace(step, beside=self.lessons, with_generator=(MAPS,))

    def lessons(self, params: Params, noise: Array, labels: Array) -> dict[str, Array]:
        """{"reconstruction", "features"}: weighed losses [B] against the teacher."""
        image, features = with_maps(self.model, params[GENERATOR], noise, labels)
        wanted, theirs = with_maps(self.whole, self.teacher[GENERATOR], noise, labels)
        mapped = []
        for number, (own, teacher) in enumerate(zip(features, theirs, strict=True)):
            layer = {"params": params[MAPS][f"map_{number}"]}
            mapped.append(self._map(teacher.shape[-1]).apply(layer, own))
        apart = jnp.abs(image - wanted).reshape(len(image), -1).mean(-1)
        options = self.options
        return {
            "reconstruction": options.reconstruction * apart,
            "features": options.features * sum(feature_errors(mapped, theirs)),
        }

    def facts(self, params: Params, batch: Batch) -> dict[str, Any]:
        whole = models.cost(self.whole, self.split.image_shape).macs
        return super().facts(params, batch) | {"teacher_macs": whole}


def with_maps(
    model: models.Network, params: Params, noise: Array, labels: Array
) -> tuple[Array, list[Array]]:
    """(images [B, H, W, C], the M maps [B, H, W, C] that they are made of, smallest first)."""
    image, state = model.apply(
        {"params": params},
        noise,
        labels,
        capture_intermediates=lambda layer, _: isinstance(layer, GrowingBlock),
        mutable=["intermediates"],
    )
    found = state["intermediates"]
    count = len(model.architecture.widths)
    return image, [found[f"blocks_{number}"]["__call__"][0] for number in range(count)]
