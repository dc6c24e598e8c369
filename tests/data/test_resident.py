"""Sets held on the devices: the same pixels as the host's, and the same run."""

import dataclasses

import jax
import numpy as np
import pytest

import effjax
from effjax.data import AugmentConfig, DataConfig, open_split
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.runs.metrics import read_rows

PAD = AugmentConfig(crop="pad", pad=3, hflip=0.5, vflip=0.3)
CONFIG = DataConfig(
    name="synthetic", image_size=(12, 16), synthetic_examples=20, synthetic_classes=5, augment=PAD
)


def batches(cache, steps=4, config=CONFIG, **part):
    config = dataclasses.replace(config, cache=cache)
    split = open_split(config, "train", seed=3, batch_size=8, train=True, **part)
    unpack = jax.jit(split.unpack)
    with split.batches(2) as found:
        return [jax.device_get(unpack({**next(found), **split.resident})) for _ in range(steps)]


@pytest.mark.parametrize(
    "augment",
    [
        PAD,
        AugmentConfig(crop="none", hflip=0.0),
        AugmentConfig(crop="pad", interpolation="bicubic", repeats=3),
    ],
)
@pytest.mark.parametrize("part", [{}, {"host": 1, "hosts": 2}, {"parts": 2}])
def test_the_same_bytes_as_from_the_host(augment, part):
    config = dataclasses.replace(CONFIG, augment=augment)
    for one, other in zip(
        batches(None, config=config, **part), batches("device", config=config, **part), strict=True
    ):
        assert one.keys() == other.keys()
        for key in one:
            assert one[key].dtype == other[key].dtype
            np.testing.assert_array_equal(one[key], other[key], err_msg=key)


def test_parts_of_a_batch_are_unpacked_as_they_are():
    split = open_split(
        dataclasses.replace(CONFIG, cache="device"), "train", seed=0, batch_size=8, train=True
    )
    with split.batches() as found:
        batch = next(found)
    whole = split.unpack({**batch, **split.resident})
    parts = {key: value.reshape(2, 4, *value.shape[1:]) for key, value in batch.items()}
    cut = split.unpack({**parts, **split.resident})
    np.testing.assert_array_equal(cut["image"].reshape(8, 12, 16, 3), whole["image"])
    spec = {key: (value.shape, value.dtype) for key, value in split.spec.items()}
    assert {key: (value.shape, value.dtype) for key, value in whole.items()} == spec
    sent = {key: (value.shape, value.dtype) for key, value in split.sent.items()}
    assert {key: (value.shape, value.dtype) for key, value in batch.items()} == sent


def test_unreadable_images_are_black_and_do_not_count(tmp_path):
    import cv2

    for i in range(4):
        (tmp_path / "train" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        path = tmp_path / "train" / "ab"[i % 2] / f"{i}.png"
        cv2.imwrite(str(path), np.full((12, 16, 3), 60 + i, np.uint8))
    path.write_bytes(b"broken")
    config = dataclasses.replace(CONFIG, name=str(tmp_path), on_error="skip")
    split = open_split(
        dataclasses.replace(config, cache="device"), "train", seed=0, batch_size=4, train=True
    )
    with split.batches() as found:
        batch = split.unpack({**next(found), **split.resident})
        assert found.skipped == 1
    assert sorted(batch["mask"]) == [0, 1, 1, 1]
    assert not batch["image"][batch["mask"] == 0].any()


@pytest.mark.parametrize(
    ("augment", "said"),
    [
        (AugmentConfig(), "crop=random_resized"),
        (AugmentConfig(crop="pad", color_jitter=0.4), "color_jitter=0.4"),
        (AugmentConfig(crop="pad", randaugment="rand-m9"), "randaugment=rand-m9"),
    ],
)
def test_what_a_device_does_not_do_is_refused(augment, said):
    with pytest.raises(UserError, match=f"(?s){said}.*data.cache=memory"):
        batches("device", config=dataclasses.replace(CONFIG, augment=augment))


def test_what_does_not_fit_is_refused(monkeypatch):
    from effjax.data import resident

    class Small:
        def memory_stats(self):
            return {"bytes_limit": 1000}

    monkeypatch.setattr(resident.jax, "local_devices", lambda: [Small()])
    with pytest.raises(UserError, match="of every device, over half"):
        batches("device")


def losses(workdir, cache, **changes):
    config = effjax.default_config()
    config.total_steps, config.evals.val.every_steps = 3.0, None
    config.data.update(name="synthetic", image_size=16, batch_size=16, synthetic_examples=24)
    config.data.augment.update(crop="pad", pad=2)
    config.data.cache = cache
    config.mix.mixup = 0.8
    config.mix.block = 2
    config.model.update(name="resnet18", depths=(1, 1, 1, 1), dims=(8, 8, 8, 8), stem_pool=False)
    config.log.update(tensorboard=False, curves=False, every_steps=1.0)
    for key, value in changes.items():
        section, _, name = key.rpartition("__")
        (config[section] if section else config)[name] = value
    effjax.train(config, workdir, display=choose_display(quiet=True))
    return [row["train/loss"] for row in read_rows(workdir) if "train/loss" in row]


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"parallel__devices": 1},
        pytest.param({"accumulate": 2, "parallel__devices": 4}, marks=pytest.mark.slow),
        pytest.param({"parallel__mode": "pmap"}, marks=pytest.mark.slow),
    ],
)
def test_a_run_is_the_same(tmp_path, changes):
    host = losses(tmp_path / "host", "memory", **changes)
    assert losses(tmp_path / "device", "device", **changes) == pytest.approx(host, rel=1e-5)
    assert len(host) == 3
