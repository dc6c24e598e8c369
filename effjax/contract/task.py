"""The contract between a task, which says what is learned, and the loop, which makes it happen."""

import importlib
from collections.abc import Callable, Hashable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from effjax.config import View
from effjax.contract.state import TrainState
from effjax.errors import UserError, nearest

Params = Any
Batch = Mapping[str, Any]
Metrics = dict[str, Any]  # name -> (sum, weight), or a scalar
# apply(state, grads, only=None) makes one update of all groups, or of the group `only`
Apply = Callable[..., TrainState]


class Source(Protocol):
    """Training data: the global batch of step i is a function of (seed, i) alone.

    A subclass sets `num_examples` and `spec` and overrides `batches`; the rest is for sources of
    which a part stays on the devices.

    Attributes:
      spec: of this host's part of a batch, as the task sees it.
      remedy: what to do where a run waits for batches.
    """

    num_examples: int
    spec: Mapping[str, jax.ShapeDtypeStruct]
    remedy: str = "a quicker source"

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Yields this host's part of the batches of steps start, start + 1, ...; has `close()`."""

    @property
    def sent(self) -> Mapping[str, jax.ShapeDtypeStruct]:
        """Shapes and dtypes of what `batches` yields."""
        return self.spec

    @property
    def resident(self) -> Mapping[str, np.ndarray]:
        """What every device holds through the run, beside each batch."""
        return {}

    def unpack(self, batch: Batch) -> Batch:
        """What was sent, with what is resident -> what `spec` says; inside the compiled step."""
        return batch


class Evaluator(Protocol):
    """Runs over held-out data; `source` holds its batches, or is None."""

    source: Source | None

    def __call__(
        self, state: TrainState, rng: jax.Array, batches: Iterator[Batch]
    ) -> Iterator[tuple[str, float]]:
        """Yields (name, value) of a state whose params are those to be evaluated."""


class Task:
    """A thing to learn. Subclasses override what differs; `init` and `loss` are always theirs.

    Args:
      config: the run's config, read-only.
      batch_axis: the name of the pmap axis over which batch statistics are averaged, or None.
    """

    def __init__(self, config: View, batch_axis: str | None = None):
        self.config = config
        self.batch_axis = batch_axis

    def source(self) -> Source:
        """The training data of this host; by default what `config.data` names."""
        from effjax.data import open_split

        data = self.config.data
        hosts = {"host": jax.process_index(), "hosts": jax.process_count()}
        return open_split(
            data,
            data.train_split,
            seed=self.config.seed,
            batch_size=data.batch_size,
            parts=self.config.accumulate,
            train=True,
            **hosts,
        )

    def init(self, rng: jax.Array, batch: Batch) -> tuple[Params, Any]:
        """Fresh (params, model_state) for batches like `batch`."""
        raise NotImplementedError

    def load(
        self, params: Params, model_state: Any, source: str
    ) -> tuple[Params, Any, Mapping[str, Any]]:
        """Parameters from `config.init_from`, and a report of what was loaded."""
        raise UserError(f"task {self.config.task.name!r} cannot start from weights ({source})")

    def loss(
        self, params: Params, model_state: Any, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> tuple[jax.Array, tuple[Any, Metrics]]:
        """The mean loss of a batch, with (new model_state, metrics)."""
        raise NotImplementedError

    def update(
        self,
        state: TrainState,
        batch: Batch,
        rng: jax.Array,
        apply: Apply,
        variant: Hashable = (),
    ) -> tuple[TrainState, Metrics]:
        """One training step: by default one gradient of `loss` and one `apply`.

        With accumulation the arrays of `batch` are [A, B / A, ...]; gradients and metrics are
        averaged over A in one scan, so that memory is that of one part.
        """
        gradient = jax.value_and_grad(self.loss, has_aux=True)
        parts = self.config.accumulate
        if parts == 1:
            (_, (model_state, metrics)), grads = gradient(
                state.params, state.model_state, batch, rng, state.step
            )
            return apply(state.replace(model_state=model_state), grads), metrics

        def one_part(carry: Any, part: Batch) -> tuple[Any, Metrics]:
            model_state, total = carry
            (_, (model_state, metrics)), grads = gradient(
                state.params, model_state, part, rng, state.step
            )
            return (model_state, jax.tree.map(jnp.add, total, grads)), metrics

        zeros = jax.tree.map(jnp.zeros_like, state.params)
        (model_state, total), metrics = jax.lax.scan(one_part, (state.model_state, zeros), batch)
        grads = jax.tree.map(lambda g: g / parts, total)
        metrics = jax.tree.map(lambda m: m.sum(0), metrics)
        return apply(state.replace(model_state=model_state), grads), metrics

    def predict(self, params: Params, model_state: Any, batch: Batch) -> Any:
        """What the trained network says of a batch."""
        raise NotImplementedError

    def evaluators(self, config: View) -> dict[str, Evaluator]:
        """{name: evaluator} for the sections of `config.evals`."""
        return {}

    def groups(self, params: Params) -> Any:
        """A tree of labels like `params`: which entry of `config.optim` serves which leaf.

        "frozen" has no optimizer.
        """
        return jax.tree.map(lambda _: "default", params)

    def variant(self, step: int) -> Hashable:
        """Selects the compiled step: one program is built for each value, with it as constant."""
        return ()

    def record(self) -> dict[str, Any]:
        """What the run's folder should know of the data, to be of use without them (JSON data)."""
        return {}

    def facts(self, params: Params, batch: Batch) -> dict[str, Any]:
        """What the summary should say of the network beside its parameter count (MACs, ...)."""
        return {}

    def done(self, state: TrainState) -> bool:
        """Whether to end before the last step; asked where an evaluation or a save is due."""
        return False

    def finish(self, state: TrainState, workdir: Path) -> None:
        """Called once after the last step, e.g. to write the architecture that was found.

        On one host alone; parameters, model state and averages are there as host arrays.
        """


_TASKS: dict[str, str] = {
    "classification": "effjax.tasks.classification:Classification",
    "distill": "effjax.tasks.distillation:Distillation",
    "kernel_search": "effjax.search.kernel_sizes.task:KernelSearch",
}


def find_task(name: str) -> type[Task]:
    """The task class of a registered name or of "package.module:Class".

    Raises:
      UserError: unknown name, or nothing of that name in the module.
    """
    path = _TASKS.get(name, name)
    module_name, colon, class_name = path.partition(":")
    if not colon:
        raise UserError(
            f"unknown task {name!r}; {nearest(name, _TASKS)}\n"
            "your own: --config.task.name=package.module:Class"
        )
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise UserError(f"task {name!r}: {error}; is it on PYTHONPATH?") from error
    task = getattr(module, class_name, None)
    if not (isinstance(task, type) and issubclass(task, Task)):
        raise UserError(f"task {name!r}: {module_name} has no subclass of Task named {class_name}")
    return task
