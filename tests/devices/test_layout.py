"""Which axis is divided, and that checkpoints go from any layout to any other."""

import shutil

import jax
import numpy as np
import pytest

import effjax
from effjax.devices.layout import shard_axis
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.tasks.run import build, restore
from tests.training import tiny
from tests.training.toy import line_config


@pytest.mark.parametrize(
    ("shape", "rule", "expected"),
    [
        ((64, 128), "largest", 1),
        ((128, 64), "largest", 0),
        ((64, 64), "largest", 1),  # of equals the last
        ((126, 64), "largest", 1),  # 126 is no multiple of 4
        ((7, 7, 1, 63), "largest", None),
        ((8, 8), "largest", None),  # too small
        ((8, 8), 0, 0),
        ((64, 128), -2, 0),
        ((64, 128), None, None),
    ],
)
def test_the_largest_axis_that_can_be_divided(shape, rule, expected):
    assert shard_axis(shape, rule, parts=4, least=100) == expected


def test_an_axis_that_cannot_be_divided_is_said():
    config = line_config()
    config.parallel.update(fsdp=8, shard=((r"w", 0),))
    with pytest.raises(UserError, match=r"config\.parallel\.shard: .*no rule.*'b'"):
        build(config)
    config.parallel.shard = ((r"w", 0), (r"", None))
    with pytest.raises(UserError, match=r"axis 0 of an array \[4\] cannot be cut into 8"):
        build(config)
    config.parallel.update(fsdp=3)
    with pytest.raises(UserError, match=r"parallel\.fsdp = 3 does not divide the 8 device"):
        build(config)
    config.parallel.update(fsdp=2, mode="pmap")
    with pytest.raises(UserError, match=r"pmap copies all .*\n.*mode=mesh"):
        build(config)


def test_optimizer_state_and_average_lie_as_the_parameters():
    config = line_config()
    config.parallel.update(fsdp=4, shard_least=1)
    setup = build(config)
    state = setup.fresh()
    divided = {
        jax.tree_util.keystr(path, simple=True, separator="/")
        for path, leaf in jax.tree_util.tree_leaves_with_path(state)
        if not leaf.sharding.is_fully_replicated
    }
    assert {"params/w", "ema/params/w"} < divided
    assert all(path.endswith("/w") for path in divided)
    of_optimizer = [path for path in divided if path.startswith("opt_state/default")]
    assert len(of_optimizer) == 4  # Adan's three averages and the last gradient


WAYS = {
    "mesh": {"devices": 8},
    "four": {"devices": 4},
    "one": {"devices": 1},
    "pmap": {"mode": "pmap", "devices": 8},
    "fsdp": {"fsdp": 4, "devices": 8},
}
CHANGES = [
    ("mesh", "pmap"),
    ("pmap", "mesh"),
    ("mesh", "four"),
    ("fsdp", "one"),
    ("pmap", "fsdp"),
    ("one", "fsdp"),
]


def undisturbed_and_changed(config, before, after, folder):
    """The parameters of a run that ended as it began, and of one that was continued elsewhere."""
    quiet = choose_display(quiet=True)
    config.parallel.update(shard_least=1, **WAYS[before])
    effjax.train(config, folder, display=quiet)
    _, whole = restore(folder, quiet, devices=1)
    shutil.rmtree(folder / "checkpoints" / "20")
    (folder / "summary.json").unlink()
    config.parallel.update(mode="mesh", fsdp=1)
    config.parallel.update(WAYS[after])
    effjax.train(config, folder, display=quiet)
    _, changed = restore(folder, quiet, devices=1)
    return jax.device_get(whole.params), jax.device_get(changed.params)


def assert_same(whole, changed):
    largest = max(np.abs(leaf).max() for leaf in jax.tree.leaves(whole))
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(changed), strict=True):
        assert np.abs(one - other).max() < 1e-6 * largest


@pytest.mark.parametrize(("before", "after"), CHANGES)
def test_a_run_continues_on_other_devices_and_in_another_mode(before, after, tmp_path):
    assert_same(*undisturbed_and_changed(line_config(), before, after, tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), CHANGES[:4])
def test_a_network_with_all_that_draws_continues_elsewhere(before, after, tmp_path):
    assert_same(*undisturbed_and_changed(tiny.get_config("caformer,all"), before, after, tmp_path))
