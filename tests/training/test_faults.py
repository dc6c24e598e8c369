"""What may go wrong while training: numbers that are not finite, too little memory."""

import json

import jax
import jax.numpy as jnp
import pytest

import effjax
from effjax.errors import NonFinite, UserError
from effjax.report import choose_display
from tests.training import toy
from tests.training.toy import line_config


def test_a_batch_that_is_not_finite_is_named(tmp_path):
    config = line_config("BadLine")
    with pytest.raises(NonFinite, match=r"update 8 is not finite .* is named in .*bad_batch\.json"):
        effjax.train(config, tmp_path, display=choose_display(quiet=True))
    record = json.loads((tmp_path / "bad_batch.json").read_text())
    assert (record["update"], record["batch"]) == (8, 7)
    assert record["train/loss"] == "nan"


class Huge(toy.Line):
    """A loss with a matrix that no machine holds: 16 TiB."""

    def loss(self, params, model_state, batch, rng, step):
        loss, rest = super().loss(params, model_state, batch, rng, step)
        many = jnp.tile(params["w"], (1 << 21, 1))
        return loss + jnp.tanh(many @ many.T).max() * 1e-30, rest


@pytest.mark.skipif(
    jax.__version_info__ >= (0, 11), reason="XLA of jax 0.11.2 divides by zero (SIGFPE) here"
)
def test_too_little_memory_is_explained(tmp_path, monkeypatch):
    monkeypatch.setattr(toy, "Huge", Huge, raising=False)
    with pytest.raises(UserError) as caught:
        effjax.train(line_config("Huge"), tmp_path, display=choose_display(quiet=True))
    message = str(caught.value)
    assert "out of memory; a device holds: parameters 20 B, optimizer state" in message
    assert "activations and other temporaries" in message
    assert "--config.accumulate=2" in message
    assert message.count("--config.") == 3
