"""The contract between a task, which says what is learned, and the loop, which makes it happen.

Shapes: B batch, A parts of a batch that are taken one after another.
"""

import dataclasses
from collections.abc import Callable, Hashable, Mapping, Set
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from effjax.config import Clock, View, read_section
from effjax.contract.batch import Batch, Metrics, Params, valid_examples
from effjax.contract.evaluator import Evaluator
from effjax.contract.gradient import (
    Gradient,
    gradient_in_parts,
    loss_in_parts,
    whole_gradient,
)
from effjax.contract.part_noise import count_examples, part_noise, square_of
from effjax.contract.sharpness_aware import mean_over_devices, sharpness_aware
from effjax.contract.source import Source
from effjax.contract.state import TrainState
from effjax.errors import UserError

# apply(state, grads, only=None, value=None, value_fn=None) makes one update of all groups, or of
# the group `only`. `value` (the loss) and `value_fn` (params -> loss) are for optimizers that want
# them.
Apply = Callable[..., TrainState]


class Task:
    """A thing to learn. Subclasses define `init` and `loss`, and override what else differs.

    **Means.** A mean over a batch is the sum over all its valid examples divided by their number,
    whatever the number of parts, devices and hosts. `loss` sees a part of a batch and returns the
    mean over the valid examples of that part. The step weighs each part and each device by
    `weight`, the number of its valid examples. A task that overrides `update` and calls `apply`
    with the gradient of such a mean gets the same for devices.

    Args:
      config: the run's config, read-only.
      batch_axis: the name of the pmap axis over which batch statistics are averaged, or None.

    Attributes:
      name: what `config.task` calls it.
      options: the keys of `config.task`, checked: an instance of `Config`.
      not_learned: paths of the parameters that nothing updates. The setup fills it in before the
        step is traced.
      takes_forward_derivatives: whether an update takes `jax.jvp` of the network. Calls into
        oneDNN and forms for TPUs have gradients alone, so the step then has none.

    Raises:
      UserError: a key of `config.task` that `Config` does not declare, or a wrong value.
    """

    @dataclasses.dataclass(frozen=True)
    class Config:
        """Keys of `config.task` beside `name`. Subclasses extend their parent's `Config`."""

    not_learned: frozenset[str] = frozenset()
    takes_forward_derivatives: bool = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # an own Config that forgot its parent's keys would refuse them at run time
        inherited = super(cls, cls).Config
        if not issubclass(cls.Config, inherited):
            raise TypeError(
                f"write `class Config({inherited.__qualname__})` in {cls.__name__}: the keys of a "
                "task extend those of the task that it inherits from"
            )
        if "__dataclass_params__" not in vars(cls.Config):
            raise TypeError(f"{cls.__name__}.Config needs @dataclasses.dataclass(frozen=True)")

    def __init__(self, config: View, batch_axis: str | None = None):
        self.config = config
        self.batch_axis = batch_axis
        self.name: str = config.task.name
        self.options = read_section(config.task, self.Config, "task.", known=("name", "early_stop"))

    def source(self) -> Source | None:
        """The training data of this host; None: the split that `config.data` names."""
        return None

    def init(self, rng: jax.Array, batch: Batch) -> tuple[Params, Any]:
        """Fresh (params, model_state) for batches like `batch`; model_state is a dict."""
        raise NotImplementedError

    def load(
        self, params: Params, model_state: Any, source: str
    ) -> tuple[Params, Any, Mapping[str, Any]]:
        """Parameters from `config.init_from`, and a report of what was loaded."""
        raise UserError(f"task {self.name!r} cannot start from weights ({source})")

    def loss(
        self, params: Params, model_state: Any, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> tuple[jax.Array, tuple[Any, Metrics]]:
        """The mean loss of the valid examples of a batch, with (new model_state, metrics).

        A metric is (sum over valid examples, their number): sums and numbers are added over parts
        and devices, then divided.
        """
        raise NotImplementedError

    def weight(self, batch: Batch) -> jax.Array | float:
        """What a part of a batch weighs beside the others: by default its valid examples."""
        return valid_examples(batch)

    def update(
        self,
        state: TrainState,
        batch: Batch,
        rng: jax.Array,
        apply: Apply,
        variant: Hashable = (),
    ) -> tuple[TrainState, Metrics]:
        """One training step: by default one gradient of `loss` and one `apply`.

        With `config.sam` the gradient is that at the highest loss nearby.

        With accumulation the arrays of `batch` are [A, B / A, ...].
        """

        square = self._square if self.config.log.noise_scale else None

        def gradient_at(params: Params) -> Gradient:
            there = state.replace(params=params)
            if self.config.accumulate == 1:
                return whole_gradient(self.loss, there, batch, rng, square)
            return gradient_in_parts(self.loss, self.weight, there, batch, rng, square)

        found = self._climbed(gradient_at, state.params, batch)

        def value_fn(params: Params) -> jax.Array:
            """The loss of the same batch, with the same draws, for other parameters."""
            there = state.replace(params=params)
            if self.config.accumulate == 1:
                return self.loss(params, state.model_state, batch, rng, state.step)[0]
            return loss_in_parts(self.loss, self.weight, there, batch, rng)

        state = state.replace(model_state=found.model_state)
        state = apply(state, found.grads, value=found.value, value_fn=value_fn)
        metrics = found.metrics
        if square is not None:
            metrics = metrics | self._noise(found.squares, batch, state)
        return state, metrics

    def _square(self, grads: Params) -> jax.Array:
        return square_of(grads, self.not_learned)

    def _noise(self, squares: jax.Array, batch: Batch, state: TrainState) -> Metrics:
        """Noise and signal of the gradient that `state` was updated with."""
        weight = self.weight if self.config.accumulate == 1 else jax.vmap(self.weight)
        weights = jnp.broadcast_to(jnp.asarray(weight(batch), jnp.float32), squares.shape)
        examples = count_examples(batch, self.config.data.batch_size, self.batch_axis)
        return part_noise(squares, weights, state.grad_norm, examples, self.batch_axis)

    def _climbed(
        self, gradient_at: Callable[[Params], Gradient], params: Params, batch: Batch
    ) -> Gradient:
        """The gradient at `params`, or near them where `config.sam` asks for it."""
        sam = self.config.sam
        if sam.rho is None:
            return gradient_at(params)

        def over_devices(tree: Any) -> Any:
            if self.config.accumulate == 1:
                return mean_over_devices(tree, self.batch_axis, self.weight(batch))
            weights = jax.vmap(self.weight)(batch)  # [A]
            return mean_over_devices(tree, self.batch_axis, weights.sum())

        return sharpness_aware(
            gradient_at, params, sam.rho, sam.adaptive, self.not_learned, over_devices
        )

    def predict(self, params: Params, model_state: Any, batch: Batch) -> Any:
        """The outputs of the trained network for a batch."""
        raise NotImplementedError

    def network_alone(self, params: Params, model_state: Any) -> tuple[Params, Any]:
        """What the network is outside of the task: for `effjax.load`, exports and teachers.

        A task that keeps more in its model state than the network has (masks), or under whose rules
        the weights are others (masked ones), says so here.
        """
        return params, model_state

    def evaluators(self, config: View) -> dict[str, Evaluator]:
        """{name: evaluator} for the sections of `config.evals`."""
        return {}

    def groups(self, params: Params) -> Any:
        """A tree of labels like `params`: which entry of `config.optim` serves which leaf.

        "frozen" has no optimizer.
        """
        return jax.tree.map(lambda _: "default", params)

    def class_paths(self, params: Params) -> Set[str]:
        """Paths of the parameters that belong to single classes, such as a classifier's.

        Where the names of the classes change, they mean something else.
        """
        return frozenset()

    def depths(self, params: Params) -> tuple[Any, int] | None:
        """How deep in the network each parameter is, for `layer_decay`.

        Returns:
          (a tree of ints like `params`, the depth of the head), whatever is frozen or picked; None
          for a task that states none.
        """
        return None

    def variant(self, step: int) -> Hashable:
        """Selects the compiled step: one program is built for each value, with it as constant."""
        return ()

    def waiting(self, variant: Hashable) -> Set[str]:
        """Labels of the groups that the updates of a variant leave alone.

        What they serve is frozen in these updates: its optimizers' states stay as they are, its
        layers run as in evaluation. `effjax.training.parts` names groups whose parts begin one
        after another.
        """
        return frozenset()

    def between_every(self, clock: Clock) -> int | None:
        """The number of updates from one call of `between` to the next; None: it is not called."""
        return None

    def between(self, state: TrainState, step: int, source: Source) -> Any | None:
        """A new model_state made outside the compiled step (clusters, queues); None: unchanged.

        Called after `step` updates whenever `between_every` divides it, 0 included, before anything
        is evaluated or saved there. The result is part of what is saved. It has to be a function of
        its arguments alone, the same on every host, with the shapes and dtypes of the old one.

        Args:
          state: as ordinary arrays, whatever the devices.
          source: the training data.
        """
        return None

    def record(self) -> dict[str, Any]:
        """Facts about the data, as JSON, with which the run can be used without them."""
        return {}

    def facts(self, params: Params, batch: Batch) -> dict[str, Any]:
        """Facts about the network for the summary, beside its parameter count (MACs, ...)."""
        return {}

    def done(self, state: TrainState) -> bool:
        """Whether to end before the last step; asked where an evaluation is due."""
        return False

    def finish(self, state: TrainState, workdir: Path) -> None:
        """Called once after the last step, e.g. to write the architecture that was found.

        On one host only. Parameters, model state and averages are host arrays.
        """
