"""Training with fewer bits."""

import jax
import numpy as np
import pytest
from flax import traverse_util

import effjax
from effjax.compress.quantised import bits_of
from effjax.compress.quantised_layers import read_summary
from effjax.errors import UserError
from effjax.evaluate.workdir import evaluate_workdir
from effjax.report import choose_display
from effjax.runs.metrics import read_rows
from effjax.tasks.run import build, restore, train
from tests.compress.test_task import config_of as under_masks

pytest.importorskip("qwix", reason="pip install 'effjax[quantise]'")


def config_of(**task):
    config = under_masks()
    for key in ("method", "density"):
        del config.task[key]
    config.task.update(name="quantise", batches=1, **task)
    config.ema.decay = None
    return config


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("quantise")
    train(config_of(layer_bits=(("fc", 4),)), workdir, display=choose_display(quiet=True))
    return workdir


@pytest.mark.slow
def test_limits_are_measured_and_bits_recorded(run):
    _, state = restore(run, choose_display(quiet=True))
    limits = traverse_util.flatten_dict(state.model_state["limits"], sep="/")
    assert all(0 < float(limit) != 1.0 for limit in limits.values())
    layers = read_summary(run)["layers"]
    assert {layer["weight_bits"] for layer in layers.values()} == {4, 8}
    assert layers["fc"]["weight_bits"] == 4


@pytest.mark.slow
def test_evaluate_gives_what_was_measured_in_training(run):
    expected = [row for row in read_rows(run) if "val/loss" in row][-1]
    found = evaluate_workdir(run)
    assert found["val/loss"] == pytest.approx(expected["val/loss"], rel=1e-6)


@pytest.mark.slow
def test_what_is_loaded_has_the_bits(run):
    trained = effjax.load(run)
    assert bits_of(trained.model).of("fc") == (4, 8)
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)
    assert np.isfinite(trained.predict(images).probabilities).all()


@pytest.mark.slow
def test_a_run_goes_on_to_the_bit(run, tmp_path):
    short = config_of(layer_bits=(("fc", 4),))
    short.total_steps = 2
    train(short, tmp_path, display=choose_display(quiet=True))
    whole = config_of(layer_bits=(("fc", 4),))
    train(whole, tmp_path, extend=True, display=choose_display(quiet=True))
    _, ours = restore(tmp_path, choose_display(quiet=True))
    _, theirs = restore(run, choose_display(quiet=True))
    jax.tree.map(np.testing.assert_array_equal, ours.params, theirs.params)


@pytest.mark.slow
def test_fewer_bits_from_weights_and_a_teacher(run, tmp_path):
    """Starts from a run of fewer bits, and learns from it."""
    config = config_of(teacher=str(run), weight_bits=4)
    config.task.name = "quantise_distill"
    config.init_from = str(run)
    summary = train(config, tmp_path, display=choose_display(quiet=True))
    assert np.isfinite(summary["final"]["val/loss"])


def test_wrong_bits_are_refused():
    with pytest.raises(UserError, match="weight_bits = 1"):
        build(config_of(weight_bits=1))


@pytest.mark.slow
def test_a_rule_that_no_layer_matches_is_refused(tmp_path):
    with pytest.raises(UserError, match="no layer matches 'stm'"):
        train(config_of(layer_bits=(("stm", 4),)), tmp_path, display=choose_display(quiet=True))
