import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax import models
from effjax.compress.generators.prompt_router import PromptRouter, distances
from effjax.compress.generators.routes import mean_macs, opened_by, read_routes
from effjax.config import View
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.runs.metrics import read_rows
from effjax.sample.run import Wanted, sample
from effjax.tasks.trained_generator import trained_generator
from tests.compress.generators.conftest import quick_compression

QUIET = choose_display(quiet=True)
CLASSES = 10


def router_task(**task):
    return PromptRouter(View(quick_compression("router_digits", teacher="runs/x", **task)))


def some_params(task, codes=3):
    """Random parameters of a network and a router whose gates are not all open."""
    rng = np.random.default_rng(0)
    leaves, tree = jax.tree.flatten(models.abstract_variables(task.model, (32, 32, 3))["params"])
    draws = [0.1 * rng.standard_normal(leaf.shape).astype(np.float32) for leaf in leaves]
    gates = len(task.parts.structure.sizes)
    return {
        "network": tree.unflatten(draws),
        "router": jnp.asarray(3 * rng.standard_normal((32, gates)), jnp.float32),
        "codes": jnp.asarray(3 * rng.standard_normal((codes, gates)) - 3, jnp.float32),
    }


def a_batch(count=2):
    rng = np.random.default_rng(1)
    return {
        "image": rng.integers(0, 256, (count, 32, 32, 3)).astype(np.uint8),
        "label": np.arange(count, dtype=np.int32),
        "mask": np.ones(count, np.float32),
        "index": np.arange(count),
    }


def gradient(task, params, **kept):
    """Of the network's loss alone."""

    def loss(learned):
        given = {"network": params["network"], **kept, **learned}
        return task.loss(given, {}, a_batch(), jax.random.key(0), jnp.zeros(()))[0]

    learned = {name: params[name] for name in ("router", "codes")}
    return jax.jit(jax.grad(loss))(learned)


NETWORK_ALONE = {"budget_weight": 0.0, "contrastive": 0.0, "spread": 0.0}


def test_what_no_router_can_be_is_refused():
    with pytest.raises(UserError, match="no second pass"):
        router_task(mask_ratio=0.3)
    with pytest.raises(UserError, match="an expert has one class at least"):
        _ = router_task(experts=11).parts
    with pytest.raises(UserError, match="made of a DiT with process 'flow'"):
        _ = router_task(process="edm", target=None, times="uniform", times_mean=0.0).parts
    with pytest.raises(UserError, match="names the run whose network"):
        PromptRouter(View(quick_compression("router_digits", teacher=""))).init(
            jax.random.key(0), {}
        )
    with pytest.raises(UserError, match="begins with its teacher"):
        router_task().load({}, {}, "runs/y")
    with pytest.raises(UserError, match="experts cost from"):
        router_task(budget="0.01x").init(jax.random.key(0), {})


@pytest.mark.parametrize("evenly", [True, False])
def test_classes_are_dealt_out_evenly(evenly):
    """The authors' way gives nearly all classes to one code while gates are nearly alike."""
    task = router_task(evenly=evenly)
    params = some_params(task)
    params["router"] *= 0.01
    params["codes"] = 0.1 * params["codes"]
    params["codes"] = params["codes"].at[1:].add(-1.0)
    index = jax.jit(task.choose)(params).index
    counts = np.bincount(index, minlength=3)
    assert counts.sum() == CLASSES
    assert (counts.max() <= 4) == evenly


@pytest.mark.parametrize("straight_through", [True, False])
def test_the_loss_of_the_network_reaches_the_router_unless_codes_are_looked_up(straight_through):
    task = router_task(straight_through=straight_through, **NETWORK_ALONE)
    grads = gradient(task, some_params(task))
    assert bool(grads["router"].any()) == straight_through
    assert grads["codes"].any()


def test_codes_that_no_class_of_the_batch_has_get_no_gradient():
    task = router_task(straight_through=False, **NETWORK_ALONE)
    params = some_params(task)
    key = jax.random.split(jax.random.key(0))[0]
    index = jax.jit(task.choose)(params, key).index
    grads = gradient(task, params)
    used = set(index[:2].tolist())  # the batch has classes 0 and 1
    for code in range(3):
        assert bool(grads["codes"][code].any()) == (code in used)


def test_experts_are_the_codes_within_the_budget():
    task = router_task(budget="0.6x")
    params = some_params(task)
    routes = task.routes(params)
    costs = [
        models.cost(task.parts.small_model(blocks), (32, 32, 3)).macs for blocks in routes.experts
    ]
    assert np.dot(routes.shares(), costs) <= 0.6 * task.parts.total
    assert routes.classes == tuple(task.choose(params).index.tolist())


def test_where_the_budget_is_met_experts_are_the_codes_that_were_trained():
    task = router_task()
    params = some_params(task)
    trained = opened_by(task.parts, np.asarray(task.scores(params)), 0.0)
    choice = jax.jit(task.choose)(params)
    np.testing.assert_array_equal(trained[choice.index], choice.gates >= 0.5)
    assert mean_macs(task.parts, trained, np.asarray(choice.index)) < task.parts.total


def test_distances_of_blocks_are_shares():
    wanted = (jnp.zeros((2, 3)), [jnp.full((2, 4), 2.0), jnp.full((2, 4), 3.0)])
    found = (jnp.ones((2, 3)), [jnp.full((2, 4), 1.0), jnp.full((2, 4), 3.0)])
    # 1 of the output, and the mean of 1/4 and 0
    np.testing.assert_allclose(distances(found, wanted), [1.125, 1.125])


@pytest.mark.slow
def test_a_router_is_trained_by_the_command_line(small_flow, small_router, tmp_path):
    routes = read_routes(small_router)
    assert routes.teacher == str(small_flow.resolve())
    assert sorted(np.bincount(routes.classes).tolist()) == [3, 3, 4]
    final = {name: value for row in read_rows(small_router) for name, value in row.items()}
    assert np.isfinite(final["val/loss"])
    # the network is held
    _, before = trained_generator(small_flow)
    _, after = trained_generator(small_router)
    jax.tree.map(np.testing.assert_array_equal, before["params"], after["params"]["network"])
    wanted = Wanted(classes="3", count=1, steps=2, guidance=2.0, out=(tmp_path / "a.png",))
    assert sample(small_router, QUIET, wanted).shape == (1, 32, 32, 3)
