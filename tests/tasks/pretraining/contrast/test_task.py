"""A step of momentum contrast: what moves, what is read, what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.config import View
from effjax.contract import TrainState
from effjax.errors import UserError
from effjax.runs.metrics import read_rows
from effjax.tasks.pretraining.contrast.task import Contrast
from effjax.tasks.run import build, train
from tests.tasks.pretraining.conftest import BATCH, batch, tiny_config


def run(contrast, data, state=None):
    _, params, fresh, step = contrast
    state = fresh if state is None else state
    return step(params, state, data, jax.random.key(1), jnp.asarray(0))


def test_a_step_moves_the_teacher_and_fills_the_queue(contrast):
    _, params, state, _ = contrast
    moved = jax.tree.map(lambda leaf: leaf + 1.0, state["teacher"]["params"])
    begun = {**state, "teacher": {**state["teacher"], "params": moved}}
    (loss, (new, metrics)), grads = run(contrast, batch(), begun)
    # momentum 0.5: half of the way back
    jax.tree.map(
        lambda t, s: np.testing.assert_allclose(t, s + 0.5, rtol=1e-5),
        new["teacher"]["params"],
        {name: params[name] for name in moved},
    )
    assert int(new["pointer"]) == BATCH
    assert not np.allclose(new["queue"][:BATCH], state["queue"][:BATCH])
    np.testing.assert_array_equal(new["queue"][BATCH:], state["queue"][BATCH:])
    np.testing.assert_allclose(np.linalg.norm(new["queue"], axis=-1), 1.0, rtol=1e-5)
    total, count = metrics["loss"]
    assert float(total / count) == pytest.approx(float(loss))
    assert all(np.any(np.asarray(leaf) != 0) for leaf in jax.tree.leaves(grads["head"]))
    # the weight of the prototypes is 0 before the first E-step
    contrast_loss, _ = metrics["contrast_loss"]
    assert float(contrast_loss / count) == pytest.approx(float(loss), rel=1e-6)


def test_what_cannot_be_read_counts_for_nothing(contrast):
    _, _, state, _ = contrast
    data = batch()
    data["mask"][5:] = 0
    changed = {**data, "view_query": data["view_query"].copy(), "view_key": data["view_key"].copy()}
    changed["view_query"][5:] = 255
    changed["view_key"][5:] = 255
    (one, (new, _)), _ = run(contrast, data)
    (other, (again, _)), _ = run(contrast, changed)
    assert float(one) == pytest.approx(float(other), rel=1e-5)
    np.testing.assert_allclose(new["queue"], again["queue"], atol=1e-5)
    np.testing.assert_array_equal(new["queue"][5:BATCH], state["queue"][5:BATCH])


def test_the_e_step_gives_every_example_a_prototype(contrast):
    task, params, state, _ = contrast
    whole = TrainState(jnp.asarray(4), params, state, {}, None, None, {}, None)
    new = task.between(whole, 4, task.source())
    again = task.between(whole, 4, task.source())
    for one, other in zip(jax.tree.leaves(new), jax.tree.leaves(again)):
        np.testing.assert_array_equal(one, other)
    assert jax.tree.map(jnp.shape, new) == jax.tree.map(jnp.shape, state)
    assert float(new["prototypes"]["weight"]) == 1.0
    assigned = new["prototypes"]["0"]["assigned"]
    assert 1 < len(np.unique(assigned)) <= 5
    (loss, (_, metrics)), _ = run(contrast, batch(), new)
    parts = [float(metrics[name][0]) / BATCH for name in ("contrast_loss", "prototype_loss")]
    assert float(loss) == pytest.approx(sum(parts), rel=1e-5)


@pytest.mark.parametrize(
    ("message", "change"),
    [
        ("accumulate = 2: in parts", lambda c: c.update(accumulate=2)),
        ("the teacher of task 'contrast' is an average", lambda c: c.ema.update(decay=0.9)),
        ("would follow what SAM climbs", lambda c: c.sam.update(rho=0.05)),
        ("learns no classes", lambda c: c.model.update(num_classes=3)),
        ("one crop of each, of one size", lambda c: c.data.views.key.update(size=4)),
        (r"needs config\.data\.views\.query", lambda c: c.data.views.__delitem__("query")),
        ("has no evaluator 'ranking'", lambda c: c.evals.val.update(evaluator="ranking")),
        ("has student, teacher", lambda c: c.evals.val.update(network="pupil")),
        ("freezes default alone", lambda c: c.task.update(frozen="nothing")),
        ("no multiple of data.batch_size", lambda c: c.task.update(queue=20)),
        ("40 prototypes of 32", lambda c: c.task.update(clusters=(40,))),
    ],
)
def test_what_cannot_be_learned_is_refused(message, change):
    config = tiny_config()
    config.parallel.devices = 1
    change(config)

    def everything():
        setup = build(config)
        setup.task.evaluators(setup.config)

    with pytest.raises(UserError, match=message):
        everything()


@pytest.mark.slow
def test_without_a_queue_both_views_are_queries():
    config = tiny_config(predictor_layers=2, head_norm=True, momentum_end=1.0)
    config.task.queue = 0
    task = Contrast(View(config))
    params, state = jax.jit(task.init)(jax.random.key(0), batch())
    assert "queue" not in state
    assert "predictor" in params
    assert "predictor" not in state["teacher"]["params"]
    loss = jax.jit(task.loss)
    value, _ = loss(params, state, batch(), jax.random.key(1), jnp.asarray(0))
    # 2 T times the cross-entropy of 8 candidates, twice
    assert float(value) == pytest.approx(4 * 0.2 * np.log(BATCH), rel=0.8)
    # which view is the first does not matter
    swapped = batch()
    swapped["view_query"], swapped["view_key"] = swapped["view_key"], swapped["view_query"]
    other, _ = loss(params, state, swapped, jax.random.key(1), jnp.asarray(0))
    assert float(other) == pytest.approx(float(value), rel=1e-5)


def final(workdir):
    """{name: value} of the last rows, without what time has made."""
    values = {}
    for row in read_rows(workdir):
        values |= {name: value for name, value in row.items() if not name.startswith("perf/")}
    return values


def with_prototypes():
    config = tiny_config(clusters=(3, 5), cluster_warmup_epochs=1.0, cluster_restarts=1)
    config.total_steps = 10.0
    config.schedule.name = "constant"
    config.log.every_steps = 1.0
    config.evals.val.update(probe=False, baselines=False)
    return config


@pytest.mark.slow
def test_a_run_goes_on_to_the_bit(tmp_path):
    whole = with_prototypes()
    train(whole, tmp_path / "whole")
    part = with_prototypes()
    part.checkpoint.every_steps = 6.0
    part.total_steps = 6.0
    train(part, tmp_path / "part")
    longer = with_prototypes()
    longer.checkpoint.every_steps = 6.0
    # the rate is constant, so that a longer run begins as a shorter one
    train(longer, tmp_path / "part", extend=True)
    assert final(tmp_path / "part") == final(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["mesh", "pmap"])
def test_four_devices_learn_what_one_learns(tmp_path, mode):
    values = []
    for count in (1, 4):
        config = with_prototypes()
        config.task.norm_groups = 4
        config.parallel.update(mode=mode, devices=count)
        train(config, tmp_path / str(count))
        values.append(final(tmp_path / str(count)))
    one, four = values
    assert one.keys() == four.keys()
    for name, value in one.items():
        assert four[name] == pytest.approx(value, rel=1e-3, abs=1e-3), name
