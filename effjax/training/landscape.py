"""Log columns on the landscape while training: sharpness beside 2 / learning rate, noise scale.

The loss is that of the task as in evaluation, on minibatches that stay the same through the run.
`effjax analyse` looks more closely, at a run's checkpoints.
"""

import copy
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from effjax.contract import Batch, TrainState
from effjax.curvature.evaluation_mode import evaluation_mode
from effjax.curvature.lanczos import eigenvalues, lanczos
from effjax.curvature.noise_scale import noise_scale
from effjax.curvature.products import at_least_float32, hessian
from effjax.curvature.sharpness import tree_norm
from effjax.training.setup import Setup

STEPS = 10  # of Lanczos' iteration: the largest eigenvalue stands out
MINIBATCHES = 8  # of the noise scale; the first of them is that of the sharpness
SHARE = 0.05  # of the time of a run that this may take


class Landscape:
    """Measures a state at the period of `config.log.curvature_every`.

    Args:
      setup: of the run.
      warn: takes a line for the user.
    """

    def __init__(self, setup: Setup, warn: Callable[[str], None]):
        self._setup = setup
        # here arrays are global, also where updates run under pmap
        self._task = copy.copy(setup.task)
        self._task.batch_axis = None
        self._warn = warn
        self._batches: list[Batch] = []
        self._began = 0.0
        self._taken = 0.0
        self._calls = 0
        self._gradient = jax.jit(jax.grad(self._loss))
        mesh = setup.runner.mesh
        divided = NamedSharding(mesh, PartitionSpec(mesh.axis_names))
        # compiled once each, on all hosts together
        self._examples = jax.jit(self._unpacked, out_shardings=divided)
        self._replicate = jax.jit(lambda x: x, out_shardings=NamedSharding(mesh, PartitionSpec()))

    def __call__(self, state: Any, step: int) -> dict[str, float]:
        """{"optim/sharpness": ..., "optim/stable_sharpness": 2 / rate, "optim/noise_scale": ...}.

        Args:
          state: as the runner holds it.
        """
        since = time.monotonic()
        if not self._batches:
            self._batches = self._read()
        params, model_state = self._weights(self._setup.runner.gather(state))
        row = {
            "optim/sharpness": self._sharpness(params, model_state),
            "optim/noise_scale": self._noise_scale(params, model_state),
        }
        rates = self._setup.groups.rates
        name = "default" if "default" in rates else next(iter(rates))
        rate = float(rates[name](jnp.int32(step)))
        if rate > 0:  # a schedule may begin or end at 0
            row["optim/stable_sharpness"] = 2 / rate
        self._watch(since)
        return row

    def _loss(self, params: Any, pair: Any) -> jax.Array:
        model_state, batch = pair
        with evaluation_mode():
            # one key for all: draws belong to examples, and stay the same
            loss, _ = self._task.loss(params, model_state, batch, jax.random.key(0), jnp.int32(0))
        return loss

    def _read(self) -> list[Batch]:
        """The first minibatches of the run, on the devices."""
        setup = self._setup
        opened = setup.source.batches()
        found = []
        for _ in range(MINIBATCHES):
            # as for an update: images that the devices hold are taken from there
            found.append(self._examples(setup.runner.send(next(opened))))
        if hasattr(opened, "close"):
            opened.close()
        return found

    def _unpacked(self, sent: Batch) -> Batch:
        """What was sent for an update -> the batch [B, ...] as a task sees it without parts."""
        unpack = self._setup.source.unpack
        axes = 1  # of the examples
        if self._setup.config.accumulate > 1:
            axes += 1
        if self._setup.runner.batch_axis is not None:
            axes += 1
            unpack = jax.vmap(unpack)
        return jax.tree.map(lambda a: a.reshape(-1, *a.shape[axes:]), unpack(sent))

    def _weights(self, state: TrainState) -> tuple[Any, Any]:
        """What would be evaluated."""
        setup = self._setup
        params = setup.groups.eval_params(state.params, state.opt_state)
        return at_least_float32(setup.runner.whole(params)), state.model_state

    def _sharpness(self, params: Any, model_state: Any) -> float:
        operator = hessian(self._loss, params, [((model_state, self._batches[0]), 1.0)])
        if jax.process_count() > 1:
            operator = operator._replace(product=self._on_this_host(operator.product))
        draw = jax.random.rademacher(jax.random.key(0), (operator.size,), operator.dtype)
        return float(eigenvalues(lanczos(operator, draw, STEPS), 1).values[0])

    def _on_this_host(self, product: Callable[[Any], jax.Array]) -> Callable[[Any], jax.Array]:
        """A product of all hosts together whose vectors each host has for itself."""

        def local(vector: jax.Array) -> jax.Array:
            # an array of NumPy, equal on all hosts, counts as one of them all
            after = self._replicate(product(np.asarray(vector)))
            return jnp.asarray(np.asarray(after))

        return local

    def _noise_scale(self, params: Any, model_state: Any) -> float:
        squares: list[float] = []
        total = None
        for batch in self._batches:
            grads = self._gradient(params, (model_state, batch))
            squares.append(float(tree_norm(grads)) ** 2)
            total = grads if total is None else jax.tree.map(jnp.add, total, grads)
        count = len(self._batches)
        together = (float(tree_norm(total)) / count) ** 2
        size = self._setup.clock.batch_size
        return noise_scale(squares, together, size, count * size).scale

    def _watch(self, since: float) -> None:
        """Warns once where this takes more of the time than it should; compiling does not count."""
        now = time.monotonic()
        self._calls += 1
        if self._calls == 1:
            self._began = now
            return
        self._taken += now - since
        share = self._taken / (now - self._began)
        if self._calls == 3 and share > SHARE:
            self._warn(
                f"log.curvature_every takes {share:.0%} of the time; "
                f"a period {share / SHARE:.0f} times as long takes 5 %"
            )
