"""k-means whose assignment is made outside the compiled step (Lloyd 1982, in two halves).

The hook assigns a fixed set of points to their nearest centres; the updates pull the centres
towards the means of what is assigned to them. The assignment is part of the model state.
"""

from typing import ClassVar

import jax.numpy as jnp
import numpy as np
import pytest

from effjax.contract import Task
from tests.contract.toys import BATCH, Run, Toy

CENTRES = np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 2.0], [0.0, -2.0]], np.float32)
PERIOD = 10


class Clusters(Toy):
    steps = 60
    optimizers: ClassVar = {"default": {"name": "sgd", "learning_rate": 0.5}}
    calls: ClassVar[list[int]] = []

    def draw(self, rng):
        noise = 0.1 * rng.standard_normal((BATCH, 2))
        index = np.arange(BATCH, dtype=np.int32)
        return {"x": np.float32(CENTRES[index % 4] + noise), "index": index}

    def init(self, rng, batch):
        start = jnp.asarray(CENTRES) / 4 + 0.1
        return {"centres": start}, {"nearest": jnp.zeros(BATCH, jnp.int32)}

    def between_every(self, clock):
        return PERIOD

    def between(self, state, step, source):
        self.calls.append(step)
        x = next(source.batches(step))["x"]
        away = np.linalg.norm(x[:, None] - np.asarray(state.params["centres"]), axis=-1)
        return {"nearest": away.argmin(1)}

    def loss(self, params, model_state, batch, rng, step):
        # every batch holds the points in the same order, so that the assignment fits all
        own = params["centres"][model_state["nearest"][batch["index"]]]
        loss = jnp.square(own - batch["x"]).sum(-1).mean()
        return loss, (model_state, {"loss": (loss, 1.0)})

    def measure(self, params, model_state, rng):
        return {"error": jnp.abs(params["centres"] - CENTRES).max()}


class Unchanged(Clusters):
    between = Task.between


class WrongShape(Clusters):
    def between(self, state, step, source):
        return {"nearest": np.zeros(3, np.int32)}


def test_it_is_called_at_its_period_and_what_it_returns_is_learned_from(tmp_path):
    Clusters.calls.clear()
    run = Run(Clusters, tmp_path)
    assert Clusters.calls == list(range(0, 61, PERIOD))
    assert run.final["val/error"] < 0.1
    np.testing.assert_array_equal(run.state.model_state["nearest"], np.arange(BATCH) % 4)


@pytest.mark.parametrize("parallel", [{"mode": "mesh"}, {"mode": "pmap"}])
def test_several_devices_give_the_same(trained, tmp_path, parallel):
    whole = trained(Clusters)
    run = Run(Clusters, tmp_path, devices=4, **parallel)
    np.testing.assert_allclose(
        run.state.params["centres"], whole.state.params["centres"], rtol=1e-5, atol=1e-6
    )


def test_none_leaves_the_state_as_it_is(trained):
    np.testing.assert_array_equal(trained(Unchanged).state.model_state["nearest"], 0)


def test_another_shape_is_refused(trained):
    with pytest.raises(ValueError, match="the model state has"):
        trained(WrongShape)
