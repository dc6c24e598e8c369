"""Checkpoints survive a full disk and are refused where a byte has changed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.contract import TrainState
from effjax.errors import UserError
from effjax.runs import checkpoints
from effjax.runs.checkpoints import Checkpoints
from tests.runs.full_disk import full_disk


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


@pytest.fixture(scope="module")
def two_saved(tmp_path_factory):
    """A folder with the sound checkpoints of steps 1 and 2."""
    folder = tmp_path_factory.mktemp("saved")
    saved = Checkpoints(folder)
    for step in (1, 2):
        saved.save(state_of(step), {"train": step}, {}, safely=True)
    saved.close()
    return folder


def flip_a_byte(folder):
    """In the largest file of a checkpoint; returns a function that mends it."""
    path = max((p for p in folder.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    sound = path.read_bytes()
    place = len(sound) // 2
    path.write_bytes(sound[:place] + bytes([sound[place] ^ 1]) + sound[place + 1 :])
    return lambda: path.write_bytes(sound)


def test_a_flipped_byte_is_found_by_whoever_loads(two_saved):
    mend = flip_a_byte(two_saved / "2")
    warnings = []
    saved = Checkpoints(two_saved, warn=warnings.append)
    with pytest.raises(UserError, match=r"2 is damaged: .* has changed .*\ngive another --step"):
        saved.load(2, abstract(state_of(0)))
    assert saved.newest_sound() == 1
    assert "checkpoint 2 is damaged" in warnings[0]
    mend()
    assert saved.newest_sound() == 2
    saved.close()


def test_a_file_that_was_put_in_is_refused(two_saved):
    stranger = two_saved / "2" / "state" / "more"
    stranger.write_text("?")
    saved = Checkpoints(two_saved, warn=lambda line: None)
    with pytest.raises(UserError, match="2 is damaged: state/more was put there"):
        saved.load(2, abstract(state_of(0)))
    stranger.unlink()
    saved.close()


def test_no_checkpoint_without_its_rows(tmp_path):
    """Rows that are not on the disk make the save fail, and it is tried again."""
    warnings = []
    saved = Checkpoints(tmp_path, warn=warnings.append)

    def no_room():
        raise OSError(28, "No space left on device")

    saved.before_save = no_room
    saved.save(state_of(1), {"train": 1}, {})
    saved.wait()
    assert saved.steps() == []
    assert saved.newest_sound() is None
    assert warnings == [
        "checkpoint 1 could not be saved: No space left on device; training goes on"
    ]
    saved.close()
