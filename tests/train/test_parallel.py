"""One device, a mesh, FSDP and pmap learn the same; the devices send each other what they should."""

import jax
import numpy as np
import pytest
import tiny

from effjax.errors import UserError
from effjax.inspect.collectives import collectives, count_kinds
from effjax.train.checkpoint import leaf_paths
from effjax.train.programs import bytes_a_device, lower
from effjax.train.setup import build

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
