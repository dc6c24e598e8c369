"""One step of the game: the critic's updates, then the generator's.

Shapes: B batch, n parts of it, H W space, C channels, Z numbers of noise.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from effjax.contract import Apply, Metrics, Params, TrainState
from effjax.tasks.adversarial import ppo
from effjax.tasks.adversarial.draws import draw_batch
from effjax.tasks.adversarial.losses import (
    GAMES,
    consistency,
    gradient_penalty,
    squared_slopes,
)
from effjax.tasks.adversarial.options import AdversarialConfig
from effjax.tasks.adversarial.players import CLASSIFIER, CRITIC, GENERATOR, Players, Seen

Update = Callable[[TrainState, Any], tuple[TrainState, Metrics]]
# (parameters, noise [B, Z], labels [B]) -> {name: losses [B]}, which are added
Beside = Callable[[Params, Array, Array], dict[str, Array]]


class Part(NamedTuple):
    """Real images of one update of the critic.

    Attributes:
      images: [B, H, W, C] in [-1, 1].
      labels, index, mask: [B].
    """

    images: Array
    labels: Array
    index: Array
    mask: Array


@dataclasses.dataclass(frozen=True)
class Step:
    """The updates of a step.

    Attributes:
      players: the networks.
      options: of the task.
      apply: the loop's.
      axis: of pmap, or None.
      beside: further losses of the generator; None: there are none.
      with_generator: the parameters that learn with it, in its group.
    """

    players: Players
    options: AdversarialConfig
    apply: Apply
    axis: str | None
    beside: Beside | None = None
    with_generator: tuple[str, ...] = ()

    def run(self, state: TrainState, batch: Part, rng: Array) -> tuple[TrainState, Metrics]:
        """All updates of one step; metrics are those of all of them."""
        count = self.options.critic_steps

        def divided(x: Array) -> Array:
            # part k has the examples k, k + n, k + 2n, ...: the same ones however devices divide
            return x.reshape(-1, count, *x.shape[1:]).swapaxes(0, 1)

        parts = jax.tree.map(divided, batch)
        keys = jax.vmap(jax.random.fold_in, (None, 0))(rng, jnp.arange(count))
        state, of_critic = repeat(self.critic_update, state, (parts, keys), count)
        last = jax.tree.map(lambda x: x[-1], (parts, keys))
        state, of_generator = self.generator_updates(state, *last)
        return state, of_critic | of_generator

    def mean(self, losses: Array, mask: Array) -> Array:
        """Over the valid examples; the mean of all devices' means is that of the whole batch."""
        count = mask.sum()
        if self.axis is not None:
            count = lax.pmean(count, self.axis)
        return _sum(losses, mask) / jnp.maximum(count, 1.0)

    # -------------------------------------------------------------------------------- critic

    def critic_update(
        self, state: TrainState, part_and_key: tuple[Part, Array]
    ) -> tuple[TrainState, Metrics]:
        """One update of the critic on its own real images and fakes."""
        part, key = part_and_key
        fakes = self.fakes(state.params, part, key)

        def loss(critic: Params) -> tuple[Array, Metrics]:
            params = {**state.params, CRITIC: critic}
            return self.critic_loss(params, part, fakes, key)

        grads, metrics = jax.grad(loss, has_aux=True)(state.params[CRITIC])
        return self._apply(state, CRITIC, {CRITIC: grads}), metrics

    def noise(self, part: Part, key: Array) -> Array:
        """[B, Z]: what the fakes of a part are made of."""
        latent = self.players.generator.architecture.latent
        return draw_batch(key, part.index, latent).noise

    def fakes(self, params: Params, part: Part, key: Array) -> Array:
        """[B, H, W, C]: images with the labels of the real ones."""
        return self.players.draw(params, self.noise(part, key), part.labels)

    def critic_loss(
        self, params: Params, part: Part, fakes: Array, key: Array
    ) -> tuple[Array, Metrics]:
        """The critic's mean loss with what keeps it smooth."""
        game = GAMES[self.options.game]
        mask = part.mask
        dropout, again = jax.random.split(jax.random.fold_in(key, 1))
        # in one pass; fakes have dropout of their own
        both = Seen(
            jnp.concatenate([part.images, fakes]),
            jnp.concatenate([part.labels, part.labels]),
            jnp.concatenate([part.index, -1 - part.index]),
        )
        judged = self.players.judge(params, both, dropout)
        real, fake = jnp.split(judged.scores, 2)
        of_fakes = game.fake(fake)
        if self.options.weighted_critic:
            of_fakes *= ppo.importance(fake, mask, self.axis)
        penalty = jnp.zeros_like(real)
        penalty += self._slope_penalty(params, part, fakes, key, dropout)
        if self.options.consistency:
            first = jax.tree.map(lambda x: jnp.split(x, 2)[0], judged)
            penalty += self._consistency_penalty(params, part, first, again)
        losses = game.real(real) + of_fakes + penalty
        metrics = {
            "critic_loss": _pair(losses, mask),
            "critic_penalty": _pair(penalty, mask),
            "score_real": _pair(real, mask),
            "score_fake": _pair(fake, mask),
        }
        return self.mean(losses, mask), metrics

    def _slope_penalty(
        self, params: Params, part: Part, fakes: Array, key: Array, dropout: Array
    ) -> Array | float:
        """[B]: WGAN-GP's penalty between images and fakes, and R1 at the images; 0 without."""
        options = self.options

        def scores(images: Array) -> Array:
            seen = Seen(images, part.labels, part.index)
            return self.players.judge(params, seen, dropout).scores

        penalty = 0.0
        if options.gradient_penalty:
            mix = draw_batch(key, part.index, 1).mix
            slopes = gradient_penalty(scores, part.images, fakes, mix)
            penalty += options.gradient_penalty * slopes
        if options.r1:
            penalty += options.r1 / 2 * squared_slopes(scores, part.images)
        return penalty

    def _consistency_penalty(self, params: Params, part: Part, first: Any, key: Array) -> Array:
        """[B]: how far two passes over the images are apart, each with its own dropout."""
        seen = Seen(part.images, part.labels, part.index)
        second = self.players.judge(params, seen, key)
        apart = consistency(first, second, self.options.consistency_margin)
        return self.options.consistency * apart

    # ----------------------------------------------------------------------------- generator

    def generator_updates(
        self, state: TrainState, part: Part, key: Array
    ) -> tuple[TrainState, Metrics]:
        """All updates of the generator, on one noise."""
        before = None
        if self.players.classifier is not None:
            # the generator as it was, judged by the classifier as it was
            fakes = self.fakes(state.params, part, key)
            before = self.players.tell(state.params, fakes, part.labels)

        def update(state: TrainState, number: Array) -> tuple[TrainState, Metrics]:
            metrics = {}
            if before is not None:
                state, metrics = self.classifier_update(state, part, key)
            state, more = self.generator_update(state, part, key, number, before)
            return state, metrics | more

        count = self.options.generator_steps
        return repeat(update, state, jnp.arange(count), count)

    def generator_update(
        self, state: TrainState, part: Part, key: Array, number: Array, before: Array | None
    ) -> tuple[TrainState, Metrics]:
        """One update of the generator.

        Args:
          number: of the update, for its dropout.
          before: [B], PPOGAN's logits of the last round, or None.
        """
        dropout = jax.random.fold_in(jax.random.fold_in(key, 2), number)

        def loss(learned: Params) -> tuple[Array, Metrics]:
            params = {**state.params, **learned}
            return self.generator_loss(params, part, key, dropout, before)

        learned = {name: state.params[name] for name in (GENERATOR, *self.with_generator)}
        grads, metrics = jax.grad(loss, has_aux=True)(learned)
        return self._apply(state, GENERATOR, grads), metrics

    def generator_loss(
        self, params: Params, part: Part, key: Array, dropout: Array, before: Array | None
    ) -> tuple[Array, Metrics]:
        """The generator's mean loss."""
        images = self.fakes(params, part, key)
        seen = Seen(images, part.labels, -1 - part.index)
        scores = self.players.judge(params, seen, dropout).scores
        metrics = {}
        if before is None:
            losses = GAMES[self.options.game].generator(scores)
        else:
            ratio = ppo.density_ratio(self.players.tell(params, images, part.labels), before)
            losses = -ppo.clipped_objective(scores, ratio, self.options.ratio_clip)
            metrics["ratio"] = _pair(ratio, part.mask)
        if self.beside is not None:
            further = self.beside(params, self.noise(part, key), part.labels)
            for name, values in further.items():
                losses += values
                metrics[name] = _pair(values, part.mask)
        metrics["loss"] = _pair(losses, part.mask)
        return self.mean(losses, part.mask), metrics

    def classifier_update(
        self, state: TrainState, part: Part, key: Array
    ) -> tuple[TrainState, Metrics]:
        """One update of PPOGAN's classifier on the real images and the present fakes."""
        fakes = self.fakes(state.params, part, key)

        def loss(classifier: Params) -> tuple[Array, Metrics]:
            params = {**state.params, CLASSIFIER: classifier}
            of_real, of_fake = ppo.classifier_loss(
                self.players.tell(params, part.images, part.labels),
                self.players.tell(params, fakes, part.labels),
            )
            losses = of_real + of_fake
            return self.mean(losses, part.mask), {"classifier_loss": _pair(losses, part.mask)}

        grads, metrics = jax.grad(loss, has_aux=True)(state.params[CLASSIFIER])
        return self._apply(state, CLASSIFIER, {CLASSIFIER: grads}), metrics

    def _apply(self, state: TrainState, group: str, grads: Params) -> TrainState:
        """An update of one group; the others have no gradient."""
        whole = jax.tree.map(jnp.zeros_like, state.params)
        return self.apply(state, {**whole, **grads}, only=group)


def repeat(
    update: Update, state: TrainState, inputs: Any, count: int
) -> tuple[TrainState, Metrics]:
    """`update` for each of the `count` inputs; metrics are added."""
    total = None
    # written out rather than a loop of the program: inside one, convolutions on a CPU are many
    # times slower
    for number in range(count):
        state, metrics = update(state, jax.tree.map(lambda x, n=number: x[n], inputs))
        total = metrics if total is None else jax.tree.map(jnp.add, total, metrics)
    return state, total


def _sum(values: Array, mask: Array) -> Array:
    # what is padded may be NaN, and 0 * NaN is NaN
    return jnp.where(mask > 0, values, 0.0).sum()


def _pair(values: Array, mask: Array) -> tuple[Array, Array]:
    return _sum(values, mask), mask.sum()
