"""What may go wrong while training: a full disk, numbers that are not finite, too little memory."""

import contextlib
import json
import resource

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import effjax
from effjax.contract import TrainState
from effjax.errors import NonFinite, UserError
from effjax.report import choose_display
from effjax.runs import checkpoints
from effjax.runs.checkpoints import Checkpoints
from effjax.runs.metrics import METRICS, MetricWriter, read_rows
from tests.training import toy
from tests.training.toy import line_config


@contextlib.contextmanager
def full_disk(largest=4096):
    """No file can grow beyond so many bytes: writing fails as on a full disk (EFBIG for ENOSPC)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def state_of(step):
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    rng = np.random.default_rng(step)
    params = {"w": jnp.asarray(rng.normal(size=(300, 1000)), jnp.float32), "b": jnp.zeros(3)}
    state = TrainState(
        jnp.asarray(step), params, {}, {}, None, jax.random.key(0), {}, jnp.zeros(())
    )
    return jax.device_put(state, sharding)


def abstract(state):
    return jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), state
    )


# what Orbax still has under way when a save has failed may end after its event loop, and says so
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_full_disk_is_a_warning_and_the_last_checkpoint_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "RETRY_SECONDS", 0.0)
    warnings = []
    saved = Checkpoints(tmp_path, warn=warnings.append)
    saved.save(state_of(1), {"train": 1}, {}, safely=True)
    assert not saved.retries()
    with full_disk():
        saved.save(state_of(2), {"train": 2}, {})
        saved.wait()
        assert saved.retries()
        monkeypatch.setattr(checkpoints, "RETRY_SECONDS", 0.5)  # what failed may still be writing
        with pytest.raises(UserError, match="the state of step 3 could not be saved"):
            saved.save(state_of(3), {"train": 3}, {}, safely=True)
    assert all("could not be saved" in line for line in warnings)
    assert len(warnings) == 1 + checkpoints.SAVE_ATTEMPTS
    assert saved.newest_sound() == 1
    saved.save(state_of(3), {"train": 3}, {}, safely=True)
    assert not saved.retries()
    assert saved.newest_sound() == 3
    loaded = saved.load(3, abstract(state_of(0)))
    np.testing.assert_array_equal(loaded.params["w"], state_of(3).params["w"])
    saved.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_once_there_is_room_the_next_save_succeeds(tmp_path, capfd):
    warnings = []
    saved = Checkpoints(tmp_path, warn=warnings.append)
    with full_disk():
        saved.save(state_of(2), {"train": 2}, {})
        saved.wait()
    saved.save(state_of(4), {"train": 4}, {})
    saved.close()
    assert warnings == ["checkpoint 2 could not be saved: File too large; training goes on"]
    assert saved.newest_sound() == 4
    assert "orbax" not in capfd.readouterr().err


def test_rows_wait_for_room(tmp_path):
    warnings = []
    writer = MetricWriter(tmp_path, 0, False, None, warnings.append)
    with full_disk(100):
        for step in range(1, 9):
            writer.write(step, {"train/loss": 1.0 / step})
        assert len(read_rows(tmp_path)) < 8
    writer.write(9, {"train/loss": 0.1})
    writer.close()
    assert [row["step"] for row in read_rows(tmp_path)] == list(range(1, 10))
    assert warnings == [f"{METRICS}: File too large; rows are kept until there is room"]


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
