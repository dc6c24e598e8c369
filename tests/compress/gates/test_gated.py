"""Networks under gates."""

import jax
import jax.numpy as jnp
import numpy as np

from effjax.compress.gates.gated import channel_norms, gated
from effjax.compress.groups import Group, Member, silence

# three heads of two channels: queries, keys and values side by side
GROUP = Group(
    "qkv",
    3,
    (Member("qkv", -1, "out", unit=2, repeats=3), Member("proj", -2, "in", unit=2)),
)


def test_closed_gates_silence_what_groups_silence():
    keys = jax.random.split(jax.random.key(0))
    arrays = {
        "qkv": jax.random.normal(keys[0], (4, 18)),
        "proj": jax.random.normal(keys[1], (6, 4)),
    }
    found = gated(arrays, [GROUP], [jnp.asarray([1.0, 0.0, 1.0])])
    expected = silence(arrays, [GROUP], {"qkv": [0, 2]})
    for path, array in expected.items():
        np.testing.assert_array_equal(found[path], array)


def test_norms_are_those_of_the_weights_that_give_a_channel():
    arrays = {"qkv": jnp.arange(18.0)[None]}
    rows = GROUP.members[0].rows(arrays["qkv"], 3)
    np.testing.assert_allclose(
        channel_norms(arrays, GROUP), np.linalg.norm(rows, axis=1), rtol=1e-6
    )
