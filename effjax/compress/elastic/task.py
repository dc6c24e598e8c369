"""Training an elastic network: the task behind `effjax compress` with an elastic config.

An update has one gradient, of the sum

    loss(largest; labels) + sum over children KL(largest || child)

with the largest network as the teacher of the others (in-place distillation). The children are the
smallest network and some that are drawn (the sandwich rule). Dropout and stochastic depth are the
largest network's alone. BigNAS, https://arxiv.org/abs/2003.11142

With `recipe="shrinking"` the children are drawn from the options that are open, see `phases`.

Shapes: B batch, K classes, P choices of a point.
"""

import copy
import functools
from collections.abc import Callable, Hashable, Mapping, Set
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from effjax.compress.elastic.children import RANKS, masked_child, smallest_child
from effjax.compress.elastic.options import ElasticConfig
from effjax.compress.elastic.phases import first_of_widths, open_options
from effjax.compress.elastic.sorting import sorted_ranks
from effjax.compress.elastic.supernet import KERNELS, Supernet, without_kernels
from effjax.compress.model_state import divided
from effjax.config import Clock
from effjax.contract import Apply, Batch, Metrics, Params, Source, TrainState
from effjax.errors import UserError
from effjax.tasks.classification import Classification
from effjax.tasks.distillation import soft
from effjax.tasks.registry import register_task
from effjax.tasks.targets import OneClass, Targets
from effjax.tasks.unfreezing import BACKBONE

# (logits [B, K] of the largest, images) -> the further losses [B]
Beside = Callable[[jax.Array, jax.Array], jax.Array]


class Elastic(NamedTuple):
    """What an update's program is compiled for.

    Attributes:
      begun: whether sub-networks are trained yet.
      usual: the variant of a classification.
    """

    begun: bool
    usual: Hashable = ()


@register_task("elastic", "labelled images; one network from which smaller ones are cut")
class ElasticClassification(Classification):
    """Learns `config.model` together with the sub-networks that `config.task` describes."""

    Config = ElasticConfig
    begun = True  # of the update that is traced; a copy of the task has another one
    beside: Beside | None = None  # likewise

    @functools.cached_property
    def targets(self) -> Targets:
        targets = super().targets
        if targets.kind != OneClass.kind:
            raise UserError(
                "an elastic network learns one class an image; these have several targets\n"
                "give images of one class"
            )
        return targets

    @functools.cached_property
    def supernet(self) -> Supernet:
        """The elastic network."""
        name = self.config.model.name
        return Supernet(self.model, name, self.options.extent(), self.split.image_shape)

    @functools.cached_property
    def opened(self) -> np.ndarray:
        """int [F, P]: how many options are open in each phase."""
        if self.options.recipe == "shrinking":
            return open_options(self.supernet.space)
        counts = [len(choice.options) for choice in self.supernet.space.choices]
        return np.asarray([counts], np.int32)

    @functools.cached_property
    def steps_of_phase(self) -> int:
        """Updates of each phase but the last, which has the rest."""
        total = self._clock.steps(self.config, "total")
        return max(1, total // len(self.opened))

    # ------------------------------------------------------------------------------ parameters

    def init(
        self,
        rng: jax.Array,
        batch: Batch,
    ) -> tuple[Params, Any]:
        network, model_state = super().init(rng, batch)
        ranks = jax.tree.map(jnp.asarray, self.supernet.fresh_ranks())
        params = {**network, KERNELS: self.supernet.matrices()}
        return params, {**model_state, RANKS: ranks}

    def load(
        self,
        params: Params,
        model_state: Any,
        source: str,
    ) -> tuple[Params, Any, Mapping[str, Any]]:
        network, matrices = without_kernels(params)
        rest, ranks = divided(model_state, RANKS)
        network, rest, report = super().load(network, rest, source)
        return {**network, KERNELS: matrices}, {**rest, RANKS: ranks}, report

    def groups(self, params: Params) -> Any:
        if self.options.frozen == BACKBONE:
            raise UserError(
                "an elastic network learns its backbone; give a regular expression as task.frozen"
            )
        return super().groups(params)

    def depths(self, params: Params) -> tuple[Any, int]:
        network, matrices = without_kernels(params)
        depths, head = super().depths(network)
        # a matrix stands where its kernel does
        return {**depths, KERNELS: self.model.layer_depths(matrices)}, head

    def class_paths(self, params: Params) -> Set[str]:
        return super().class_paths(without_kernels(params)[0])

    def network_not_learned(self) -> Set[str]:
        return {path for path in self.not_learned if not path.startswith(f"{KERNELS}/")}

    def network_alone(
        self,
        params: Params,
        model_state: Any,
    ) -> tuple[Params, Any]:
        """The largest network alone."""
        rest = {name: part for name, part in model_state.items() if name != RANKS}
        return without_kernels(params)[0], rest

    # -------------------------------------------------------------------------------- training

    def loss(
        self,
        params: Params,
        model_state: Any,
        batch: Batch,
        rng: jax.Array,
        step: jax.Array,
    ) -> tuple[jax.Array, tuple[Any, Metrics]]:
        network, _ = without_kernels(params)
        rest, ranks = divided(model_state, RANKS)
        point_key, rng = jax.random.split(rng)
        # a copy: what is traced for one update must not be seen by the next
        chosen = copy.copy(self)
        if self.begun:
            chosen.beside = functools.partial(
                self._children_losses, params, model_state, batch, point_key, step
            )
        loss, (rest, metrics) = Classification.loss(chosen, network, rest, batch, rng, step)
        return loss, ({**rest, RANKS: ranks}, metrics)

    def losses(
        self,
        logits: jax.Array,
        targets: jax.Array,
        images: jax.Array,
    ) -> jax.Array:
        labelled = super().losses(logits, targets, images)
        if self.beside is None:
            return labelled
        return labelled + self.beside(logits, images)

    def _children_losses(
        self,
        params: Params,
        model_state: Any,
        batch: Batch,
        key: jax.Array,
        step: jax.Array,
        logits: jax.Array,
        images: jax.Array,
    ) -> jax.Array:
        """[B]: how far all children are from the largest network."""
        teacher = jax.lax.stop_gradient(logits)
        examples = jnp.where(batch["mask"] > 0, batch["index"], -1 - batch["index"])
        total = jnp.zeros(len(images), logits.dtype)
        for number in range(self.options.children):
            point = self._drawn(jax.random.fold_in(key, number), step)
            student, _ = self.child_and_state(params, model_state, point, images, examples)
            total += soft(student, teacher, temperature=1.0)
        if self.options.recipe == "sandwich":
            rest, ranks = divided(model_state, RANKS)
            student = smallest_child(self.supernet, params, rest, ranks, images, examples)
            total += soft(student, teacher, temperature=1.0)
        return total

    def _drawn(
        self,
        key: jax.Array,
        step: jax.Array,
    ) -> jax.Array:
        """int [P]: a point of the options that are open, drawn evenly; the same on every device."""
        phase = jnp.minimum(step // self.steps_of_phase, len(self.opened) - 1)
        opened = jnp.asarray(self.opened)[phase]
        last = jnp.asarray(self.supernet.space.largest)
        return last - jax.random.randint(key, last.shape, 0, opened)

    def child_and_state(
        self,
        params: Params,
        model_state: Any,
        point: Any,
        images: jax.Array,
        examples: jax.Array | None,
    ) -> tuple[jax.Array, Any]:
        """(logits [B, K] of a sub-network, its own batch statistics), see `masked_child`."""
        rest, ranks = divided(model_state, RANKS)
        return masked_child(self.supernet, params, rest, ranks, point, images, examples)

    def variant(self, step: int) -> Hashable:
        usual = super().variant(step)
        if self.options.recipe == "sandwich":
            return usual
        return Elastic(step >= self.steps_of_phase, usual)

    def waiting(self, variant: Hashable) -> Set[str]:
        return super().waiting(variant.usual if isinstance(variant, Elastic) else variant)

    def update(
        self,
        state: TrainState,
        batch: Batch,
        rng: jax.Array,
        apply: Apply,
        variant: Hashable = (),
    ) -> tuple[TrainState, Metrics]:
        if not isinstance(variant, Elastic):
            return super().update(state, batch, rng, apply, variant)
        chosen = copy.copy(self)
        chosen.begun = variant.begun
        return Classification.update(chosen, state, batch, rng, apply, variant.usual)

    # ------------------------------------------------------------------------- sorted channels

    def between_every(self, clock: Clock) -> int | None:
        return self.steps_of_phase if self.options.recipe == "shrinking" else clock.total_steps + 1

    def between(
        self,
        state: TrainState,
        step: int,
        source: Source,
    ) -> Any | None:
        """Sorts channels: before the first update, and before widths open."""
        rest, ranks = jax.device_get(divided(state.model_state, RANKS))
        network = jax.device_get(without_kernels(state.params)[0])
        if step == 0:
            return {**rest, RANKS: sorted_ranks(self.supernet, network, ranks)}
        phase = step // self.steps_of_phase
        if phase not in first_of_widths(self.supernet.space, self.opened):
            return None
        # widths that are trained already keep their channels
        trained = self.opened[phase - 1]
        return {**rest, RANKS: sorted_ranks(self.supernet, network, ranks, trained)}

    def predict(
        self,
        params: Params,
        model_state: Any,
        batch: Batch,
    ) -> jax.Array:
        """Of the largest network."""
        return super().predict(*self.network_alone(params, model_state), batch)
