"""Gates learned on the network of a run."""

import json

import jax
import numpy as np
import pytest

import effjax
from effjax.compress.cut import narrow_run, of_gates
from effjax.compress.cut_record import NARROWED
from effjax.compress.gates.task import EXPLAINER
from effjax.costs.exact import count
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.tasks.run import restore, train
from effjax.tasks.trained_network import found_network

QUIET = choose_display(quiet=True)


def config_of():
    config = effjax.default_config()
    config.model.update(name="resnet50", depths=(1,), dims=(4,), strides=(2,), remat=(False,),
                        block="basic", stem_kernel=3, stem_stride=1, stem_pool=False)  # fmt: skip
    config.data.update(
        name="synthetic", image_size=8, batch_size=8, synthetic_examples=16, synthetic_classes=3
    )
    config.schedule.update(name="constant", warmup_epochs=0.0)
    config.update(total_epochs=None, total_steps=2)
    config.evals.val.every_epochs = 1.0
    config.checkpoint.update(every_epochs=1.0)
    config.parallel.devices = 1
    return config


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("run")
    train(config_of(), workdir, display=QUIET)
    return workdir


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["isp", "ddnp"])
def test_gates_leave_a_network_within_the_budget(kind, run, tmp_path):
    costs = narrow_run(run, tmp_path / "cut", "macs:0.6x", kind, QUIET)
    before, after = costs["macs"]
    assert after <= 0.6 * before
    model, _, _ = found_network(tmp_path / "cut")
    assert count(model, (8, 8, 3), "macs") == after
    record = json.loads((tmp_path / "cut" / NARROWED).read_text())
    assert record["importance"] == kind

    _, state = restore(tmp_path / "cut", QUIET)
    original = effjax.load(run).variables["params"]
    # nothing updates the network whose channels are chosen
    jax.tree.map(np.testing.assert_array_equal, state.params["network"], original)


@pytest.mark.slow
def test_gates_are_steered_by_where_the_original_looks(run, tmp_path):
    narrow_run(run, tmp_path / "steered", "macs:0.6x", "isp", QUIET, steer=10.0)
    narrow_run(run, tmp_path / "free", "macs:0.6x", "isp", QUIET)
    _, steered = restore(tmp_path / "steered", QUIET)
    _, free = restore(tmp_path / "free", QUIET)
    original = effjax.load(run).variables["params"]
    jax.tree.map(np.testing.assert_array_equal, steered.params["network"], original)
    assert set(steered.params) - set(free.params) == {EXPLAINER}
    # the same first gates, led elsewhere
    gates, others = steered.params["gates"], free.params["gates"]
    moved = jax.tree.map(lambda a, b: np.abs(a - b).max(), gates, others)
    assert max(jax.tree.leaves(moved)) > 0


def test_only_gates_are_steered(tmp_path):
    with pytest.raises(UserError, match="--steer is for gates"):
        narrow_run(tmp_path, tmp_path / "x", "macs:0.6x", "l2", QUIET, steer=1.0)


def test_an_untrained_network_is_refused(tmp_path):
    config = config_of()
    config.task.update(name="gates", budget="macs:0.6x")
    with pytest.raises(UserError, match="of a trained network"):
        train(config, tmp_path, display=QUIET)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"gates": "ips"}, "did you mean 'isp'"),
        ({"budget": "0.6x"}, "expected UNIT:AMOUNT"),
        ({"alpha": 2.0}, "0 <= alpha <= 1"),
        ({"temperature": 0.0}, "more than 0"),
    ],
)
def test_mistakes_are_answered(task, message, tmp_path):
    config = config_of()
    config.task.update(name="gates", **task)
    with pytest.raises(UserError, match=message):
        train(config, tmp_path, display=QUIET)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("budget", "message"), [("macs:0.01x", "cannot be met"), ("latency:0.5x", "not of latency")]
)
def test_budgets_that_gates_cannot_meet_are_refused(budget, message, run, tmp_path):
    with pytest.raises(UserError, match=message):
        train(of_gates(run, "isp", budget), tmp_path, display=QUIET)
