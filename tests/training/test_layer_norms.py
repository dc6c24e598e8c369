"""Norms of gradients and updates by layer."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import effjax
from effjax.report import choose_display
from effjax.runs.metrics import read_rows
from effjax.tasks.run import build
from effjax.training.layer_norms import METRIC, LayerNorms
from tests.training.toy import line_config

PARAMS = {
    "stem": {"conv": {"kernel": jnp.full((2, 3), 2.0), "bias": jnp.ones(3)}},
    "head": {"kernel": jnp.full(4, 3.0)},
    "scale": jnp.asarray(-2.0),
}


def test_a_layer_is_two_names_deep_and_its_norm_that_of_all_its_leaves():
    layers = LayerNorms(PARAMS)
    assert layers.names == ["head", "scale", "stem/conv"]
    part = {"stem": PARAMS["stem"], "head": {"kernel": optax.MaskedNode()}}
    gradients = layers.seen(layers.nothing(), part)
    updates = layers.of_update(PARAMS, jax.tree.map(jnp.zeros_like, PARAMS))
    norms = np.asarray(layers.by_layer(gradients, updates))
    np.testing.assert_allclose(norms, [[0, 0, 27**0.5], [6, 2, 27**0.5]], rtol=1e-6)
    row = layers.row(norms)
    assert row["layers/grad_norm/stem/conv"] == pytest.approx(27**0.5)
    assert row["layers/update_norm/scale"] == pytest.approx(2.0)


def config_of(mode="mesh", **fields):
    config = line_config()
    config.parallel.update(mode=mode, devices=8, **fields)
    config.log.norms_every_steps = 2.0
    effjax.add_optimizer(config, "default", name="sgd", learning_rate=0.1)
    config.schedule.name = "constant"
    return config


@pytest.mark.parametrize(
    ("mode", "fields"), [("mesh", {}), ("mesh", {"fsdp": 2, "shard_least": 1}), ("pmap", {})]
)
def test_they_are_those_of_the_whole_batch_in_every_mode(mode, fields):
    setup = build(config_of(mode, **fields))
    state = setup.runner.place(setup.fresh())
    spec = setup.source.sent if hasattr(setup.source, "sent") else setup.source.spec
    program = setup.runner.lower(setup.step, state, spec).compile()
    old = jax.device_get(setup.runner.gather(state).params)
    state, metrics = program(state, setup.runner.send(next(setup.source.batches())))
    new = jax.device_get(setup.runner.gather(state).params)
    fetched = setup.runner.fetch(metrics)
    gradients, updates = fetched[METRIC]  # of b and of w
    change = [np.abs(new["b"] - old["b"]), np.linalg.norm(new["w"] - old["w"])]
    np.testing.assert_allclose(updates, change, rtol=1e-5)
    np.testing.assert_allclose(updates, 0.1 * gradients, rtol=1e-4)
    assert np.linalg.norm(gradients) == pytest.approx(fetched["optim/grad_norm"], rel=1e-5)


def test_rows_come_with_their_period_and_do_not_change_the_run(tmp_path):
    rows = {}
    for name in ("plain", "norms"):
        config = config_of()
        config.update(total_steps=4.0)
        config.log.update(every_steps=3.0, curves=False, tensorboard=False)
        if name == "plain":
            config.log.norms_every_steps = None
        effjax.train(config, tmp_path / name, display=choose_display(quiet=True))
        rows[name] = read_rows(tmp_path / name)
    with_norms = [row["step"] for row in rows["norms"] if "layers/grad_norm/w" in row]
    assert with_norms == [2, 4]
    losses = {
        name: [row["train/loss"] for row in of_run if "train/loss" in row]
        for name, of_run in rows.items()
    }
    assert losses["plain"] == losses["norms"]
