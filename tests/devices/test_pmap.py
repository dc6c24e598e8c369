"""What pmap's runner does to a batch and to a state."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.devices.pmap import Pmap
from tests.training.toy import line_config


def runner_of(parts):
    return Pmap(jax.devices()[:2], 8, parts, line_config().parallel)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (1, [[0, 1, 2, 3], [4, 5, 6, 7]]),
        (2, [[[0, 1], [4, 5]], [[2, 3], [6, 7]]]),  # every part is shared by both devices
    ],
)
def test_each_device_gets_its_slice_of_every_part(parts, expected):
    sent = runner_of(parts).send({"x": np.arange(8)})
    assert np.asarray(sent["x"]).tolist() == expected


def test_a_state_is_copied_to_each_device_and_taken_back():
    runner = runner_of(1)
    state = {"w": jnp.arange(3.0), "step": jnp.asarray(4)}
    placed = runner.place(state)
    assert placed["w"].shape == (2, 3)
    back = runner.gather(placed)
    assert back["step"] == 4
    assert back["w"].sharding.is_fully_replicated
    assert runner.whole(back) is back


def test_the_programs_of_place_and_gather_are_made_once():
    runner = runner_of(1)
    state = {"w": jnp.arange(3.0)}
    runner.gather(runner.place(state))
    made = runner._spread._cache_size(), runner._first._cache_size()
    for _ in range(3):
        runner.gather(runner.place(state))
    # of the same shapes, but jax may note two spellings of one sharding
    assert runner._spread._cache_size() == made[0]
    assert runner._first._cache_size() <= made[1] + 1
