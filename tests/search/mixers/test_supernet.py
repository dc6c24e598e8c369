"""Which blocks are searched, and the supernet with one mixer in each is that mixer's network."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.search.mixers.supernet import (
    blocks_of,
    handed_over,
    mixed_architecture,
    weights_tree,
)
from tests.search.mixers.small import CHOICES, FIRST, SECOND, space_of

RANDOM = (SECOND, ("depthwise5", "random"))


def test_a_choice_of_one_block_stands_before_that_of_its_stage():
    stage = ("stages_0.mixer", ("pooling", "identity"))
    own = ("stages_0.blocks_1.mixer", ("attention", "depthwise7"))
    gone = ("stages_0.blocks_2.mixer", ("pooling", "identity"))
    space = space_of(stage, own, gone, ("mlp_ratio", (1.0, 2.0)))
    first, second = blocks_of(space, (0, 0, 0, 0))
    assert (first.stage, first.block, first.choice) == (0, 0, "stages_0.mixer")
    assert first.options == (("pooling", 3), ("identity", 3))
    assert first.groups == ("pool", "skip")
    assert second.choice == "stages_0.blocks_1.mixer"
    assert second.options == (("attention", 3), ("separable_conv", 7))
    assert second.groups == ("mixing", "mixing")


def test_a_space_without_mixers_has_no_such_blocks():
    assert blocks_of(space_of(("mlp_ratio", (1.0, 2.0))), (0,)) == ()


@pytest.mark.parametrize(
    ("choices", "point"), [(CHOICES, (3, 0)), (CHOICES, (1, 1)), ((CHOICES[0], RANDOM), (2, 1))]
)
def test_with_one_mixer_in_each_block_logits_are_those_of_its_network(choices, point):
    space = space_of(*choices)
    blocks = blocks_of(space, (0, 0))
    with jax.enable_x64(True):
        alone = space.model(point, num_classes=3, dtype="float64", param_dtype="float64")
        supernet = alone.clone(architecture=mixed_architecture(space.base, blocks))
        images = jnp.asarray(np.random.default_rng(0).standard_normal((2, 4, 4, 3)))
        variables = jax.jit(supernet.init)(jax.random.key(0), images)
        weights = {}
        for block, index in zip(blocks, point):
            weights[block.choice] = jnp.zeros(len(block.options)).at[index].set(1.0)
        given = {**variables, **weights_tree(blocks, weights)}
        own = handed_over(variables, blocks, dict(zip((FIRST, SECOND), point)))
        # what is handed over has the names that the network itself gives
        fresh = jax.eval_shape(alone.init, jax.random.key(0), images)
        assert jax.tree.structure(own) == jax.tree.structure(dict(fresh))
        found = jax.jit(supernet.apply)(given, images)
        expected = jax.jit(alone.apply)(own, images)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
        assert found.dtype == jnp.float64
