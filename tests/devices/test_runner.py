"""One device, a mesh, FSDP and pmap learn the same; devices send each other what they should."""

import jax
import numpy as np
import pytest

from effjax.errors import UserError
from effjax.inspect.collectives import collectives, count_kinds
from effjax.runs.packing import leaf_paths
from effjax.tasks.run import build
from effjax.training.programs import bytes_a_device, lower
from tests.training import tiny

WAYS = {
    "one": {"devices": 1},
    "mesh": {"mode": "mesh"},
    "fsdp": {"fsdp": 4},
    "pmap": {"mode": "pmap"},
}


def setup_of(arg, way, **changes):
    config = tiny.get_config(arg)
    config.parallel.update(WAYS[way])
    config.update_from_flattened_dict(changes)
    return build(config)


def learn(setup, steps=20):
    """The parameters after some updates, and the compiled step."""
    state = setup.runner.place(setup.fresh())
    step = lower(setup, (), state).compile()
    with setup.source.batches() as batches:
        for _ in range(steps):
            state, metrics = step(state, setup.runner.send(next(batches)))
            jax.block_until_ready(metrics)
    params = setup.runner.whole(setup.runner.gather(state).params)
    return dict(zip(leaf_paths(params), jax.device_get(jax.tree.leaves(params)))), step


def distance(ours, theirs):
    """The largest difference over the largest parameter."""
    largest = max(np.abs(array).max() for array in theirs.values())
    return max(np.abs(ours[path] - theirs[path]).max() for path in theirs) / largest


@pytest.mark.slow
@pytest.mark.parametrize("arg", ["caformer", "resnet18", "caformer,all", "resnet18,all"])
@pytest.mark.parametrize(("dtype", "limit"), [("float32", 1e-5), ("float64", 1e-12)])
def test_all_ways_learn_the_same(arg, dtype, limit):
    types = {"model.dtype": dtype, "model.param_dtype": dtype}
    with jax.enable_x64(dtype == "float64"):
        reference, _ = learn(setup_of(arg, "one", **types))
        for way in ("mesh", "fsdp", "pmap"):
            found, _ = learn(setup_of(arg, way, **types))
            assert distance(found, reference) < limit, way


def sharded(setup):
    leaves = jax.tree.leaves(setup.abstract.params)
    return [leaf for leaf in leaves if not leaf.sharding.is_fully_replicated]


def traffic(setup):
    step = lower(setup, (), setup.abstract).compile()
    return collectives(step.as_text(), setup.runner.mesh.size)


@pytest.mark.slow
@pytest.mark.parametrize("arg", ["caformer", "caformer,all"])
def test_copies_exchange_gradients_once_and_nothing_else(arg):
    """Nothing is gathered, and mixing moves no image to another device."""
    setup = setup_of(arg, "mesh", accumulate=1)
    found = traffic(setup)
    assert set(count_kinds(found)) == {"all-reduce"}
    assert len(found) <= 3  # gradients; loss and metrics
    size = bytes_a_device(setup.abstract.params)
    assert size <= sum(c.bytes for c in found) < 1.01 * size + 100


@pytest.mark.slow
@pytest.mark.parametrize("arg", ["caformer", "caformer,all", "resnet18"])
def test_fsdp_gathers_each_parameter_once_and_nothing_else(arg):
    """No activations and no optimizer state; on a CPU an all-reduce stands for reduce-scatter."""
    setup = setup_of(arg, "fsdp", accumulate=1)
    found = traffic(setup)
    own = sharded(setup)
    assert len(own) > 15
    assert set(count_kinds(found)) == {"all-gather", "all-reduce"}
    gathered = [c for c in found if c.kind == "all-gather"]
    assert sum(len(c.shapes) for c in gathered) == len(own)
    assert sum(c.bytes for c in gathered) == sum(leaf.size * 4 for leaf in own)
    assert {c.devices for c in gathered} == {4}
    # beside the gradients: metrics, norms, and the statistics of BatchNorm (four times a channel)
    reduced = sum(c.bytes for c in found if c.kind == "all-reduce")
    size = sum(leaf.size * 4 for leaf in jax.tree.leaves(setup.abstract.params))
    statistics = sum(leaf.size * 4 for leaf in jax.tree.leaves(setup.abstract.model_state))
    assert size <= reduced < 1.01 * size + 3 * statistics + 500


@pytest.mark.slow
def test_fsdp_holds_its_share_of_the_state():
    copies, shares = setup_of("caformer,all", "mesh"), setup_of("caformer,all", "fsdp")
    for part in ("params", "opt_state", "ema"):
        whole = bytes_a_device(getattr(copies.abstract, part))
        own = bytes_a_device(getattr(shares.abstract, part))
        assert own < 0.35 * whole, part  # a quarter, and what is too small to divide


@pytest.mark.slow
def test_half_precision_keeps_parameters_and_state_in_float32():
    setup = setup_of("caformer", "fsdp", **{"model.dtype": "bfloat16"})
    kinds = {leaf.dtype for leaf in jax.tree.leaves((setup.abstract.params, setup.abstract.ema))}
    assert kinds == {np.dtype("float32")}
    exact, _ = learn(setup_of("caformer", "one"), steps=5)
    found, _ = learn(setup, steps=5)
    assert 1e-7 < distance(found, exact) < 0.03


@pytest.mark.slow
@pytest.mark.parametrize("way", ["fsdp", "pmap"])
def test_computing_activations_twice_changes_nothing(way):
    remat = {"model.remat": (True,) * 4}
    plain, _ = learn(setup_of("caformer,all", way), steps=5)
    found, _ = learn(setup_of("caformer,all", way, **remat), steps=5)
    assert distance(found, plain) < 1e-6


def test_a_mode_that_does_not_fit_is_said():
    with pytest.raises(UserError, match=r"parallel\.fsdp = 3 does not divide"):
        setup_of("caformer", "mesh", **{"parallel.fsdp": 3})
