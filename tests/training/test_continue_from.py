"""A new run from the state of another one: what is taken, and what is said of the rest."""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import effjax
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.tasks.run import build, restore
from effjax.training.continue_from import Carried, check_continue_from
from effjax.training.opening import open_run
from effjax.training.programs import Programs
from tests.training.toy import line_config

QUIET = choose_display(quiet=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("run")
    config = line_config(total_steps=10.0)
    config.parallel.devices = 1
    effjax.train(config, workdir, display=QUIET)
    return workdir


def started(source, workdir, **changes):
    """The state before the first update of a run that starts from `source`."""
    config = line_config(total_steps=6.0)
    config.parallel.devices = 1
    config.data.batch_size = 8
    config.continue_from = str(source)
    for key, value in changes.items():
        config[key].update(value)
    setup = build(config)
    with contextlib.ExitStack() as closing:
        display = closing.enter_context(contextlib.closing(choose_display()))
        return open_run(setup, Programs(setup, display), workdir, display, closing).state


def same(found, wanted):
    jax.tree.map(np.testing.assert_array_equal, found, wanted)


def test_another_batch_size_starts_from_the_whole_state(folder, tmp_path, capsys):
    state = started(folder, tmp_path)
    _, old = restore(folder, QUIET)
    same(state.params, old.params)
    same(state.model_state, old.model_state)
    same(state.ema, old.ema)
    same(state.opt_state, old.opt_state)
    assert int(state.step) == 0
    shown = capsys.readouterr().out
    assert "arrays carried over" in shown
    assert "changed: data.batch_size: 16 -> 8" in shown
    assert "begins anew" not in shown


def test_another_optimizer_begins_anew(folder, tmp_path, capsys):
    state = started(f"{folder}:5", tmp_path, optim={"default": {"name": "lion"}})
    same(state.params, restore(folder, QUIET, step=5)[1].params)
    momentum = [leaf for leaf in jax.tree.leaves(state.opt_state) if leaf.shape == (4,)]
    assert momentum
    assert not any(leaf.any() for leaf in momentum)
    assert "begins anew: optimizer of default (adan -> lion)" in capsys.readouterr().out


def test_what_does_not_fit_stays_fresh_and_is_named():
    tree = {"backbone": {"kernel": jnp.zeros((2,))}, "head": {"kernel": jnp.zeros((3,))}}
    leaves = {
        "params/backbone/kernel": np.ones((2,), np.float32),
        "params/head/kernel": np.ones((4,), np.float32),
    }
    carried = Carried(leaves, frozenset())
    made = carried.into(tree, "params")
    assert made["backbone"]["kernel"].tolist() == [1, 1]
    assert made["head"]["kernel"].tolist() == [0, 0, 0]
    assert carried.other == {"params/head/kernel": "float32[4] there, float32[3] here"}


def test_a_head_of_other_classes_stays_fresh():
    tree = {"backbone": {"kernel": jnp.zeros((2,))}, "head": {"kernel": jnp.zeros((3,))}}
    leaves = {
        "opt_state/default/mu/backbone/kernel": np.ones((2,), np.float32),
        "opt_state/default/mu/head/kernel": np.ones((3,), np.float32),
    }
    made = Carried(leaves, {"head/kernel"}).into(tree, "opt_state/default/mu")
    assert made["backbone"]["kernel"].tolist() == [1, 1]
    assert made["head"]["kernel"].tolist() == [0, 0, 0]


def test_what_is_no_other_run_is_refused(folder, tmp_path):
    with pytest.raises(UserError, match=r"starts a new run: give another --workdir"):
        check_continue_from(str(folder), folder)
    with pytest.raises(
        UserError, match=r"an average has no optimizer state\ngive --config.init_from"
    ):
        check_continue_from(f"{folder}:average:2", tmp_path)
    with pytest.raises(UserError, match=r"is not a run's folder"):
        check_continue_from(str(tmp_path), tmp_path / "new")
    with pytest.raises(UserError, match=r"has no checkpoint 7; there are: 5, 10"):
        started(f"{folder}:7", tmp_path)
