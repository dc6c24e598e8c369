"""A tree is packed into few arrays and comes back as it was."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from effjax.errors import UserError
from effjax.runs import packing
from effjax.runs.packing import (
    SMALL,
    abstract_described,
    abstract_pack,
    describe,
    leaf_paths,
    pack,
    require_same,
    unpack,
    unpack_described,
)


def tree():
    return {
        "big": jnp.arange(SMALL + 8, dtype=jnp.float32),
        "a": {"w": jnp.ones((2, 3)), "n": jnp.asarray(7)},
        "b": jnp.asarray([True, False]),
        "h": jnp.ones((4,), jnp.bfloat16),
    }


def abstract(values):
    return jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), values
    )


def test_there_and_back():
    values = tree()
    packed = pack(values)
    assert list(packed["large"]) == ["big"]
    assert sorted(packed["small"]) == ["bfloat16", "bool", "float32", "int32"]
    wanted = abstract_pack(abstract(values))
    assert {k: v.shape for k, v in packed["small"].items()} == {
        k: v.shape for k, v in wanted["small"].items()
    }
    back = unpack(packed, abstract(values))
    for path, one, other in zip(leaf_paths(values), jax.tree.leaves(values), jax.tree.leaves(back)):
        np.testing.assert_array_equal(one, other, err_msg=path)
        assert one.dtype == other.dtype


def test_small_arrays_that_are_divided_are_gathered_by_one_program():
    mesh = jax.sharding.Mesh(np.asarray(jax.devices()[:4]), ("fsdp",))
    divided = jax.device_put(np.arange(8.0), NamedSharding(mesh, PartitionSpec("fsdp")))
    for _ in range(2):
        packed = pack({"w": divided})
    np.testing.assert_array_equal(packed["small"][str(divided.dtype)], np.arange(8.0))
    assert packing._replicate_over(mesh) is packing._replicate_over(mesh)


def test_leaves_are_described():
    assert describe({"w": jnp.ones((2, 3)), "n": jnp.asarray(7)}) == {
        "w": "float32[2, 3]",
        "n": "int32[]",
    }


def test_a_tree_that_is_known_by_its_description_only():
    tree = {
        "large": jnp.arange(SMALL + 1, dtype=jnp.float32),
        "one": jnp.float32(3),
        "two": {"count": jnp.int32(7), "x": jnp.ones((2, 3), jnp.bfloat16)},
    }
    described = describe(tree)
    leaves = unpack_described(pack(tree), described)
    assert list(leaves) == ["large", "one", "two/count", "two/x"]
    assert leaves["two/x"].shape == (2, 3)
    assert int(leaves["two/count"]) == 7
    wanted = jax.eval_shape(lambda: tree)
    shapes = jax.tree.map(lambda leaf: (leaf.shape, str(leaf.dtype)), abstract_described(described))
    assert shapes == jax.tree.map(lambda leaf: (leaf.shape, str(leaf.dtype)), abstract_pack(wanted))


def test_the_first_leaf_that_differs_is_named():
    saved = {"params/a": "float32[3]", "params/b": "float32[2]"}
    require_same(saved, dict(saved), "runs/x/4")
    wanted = {"params/b": "float32[5]", "params/c": "float32[1]"}
    message = r"runs/x/4 is of another .*: params/a is float32\[3\] there and absent here \(3 diff"
    with pytest.raises(UserError, match=message):
        require_same(saved, wanted, "runs/x/4")
