"""What a run says of its speed, and when it says that it waits for data."""

import time

import numpy as np
import pytest

import effjax
from effjax.report import choose_display
from effjax.runs.metrics import read_rows
from effjax.training.speed import Speedometer, advice


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def pass_steps(speed, clock, waits, works):
    with speed.waiting():
        clock[0] += waits
    clock[0] += works


def test_advice_comes_once_and_not_for_the_start(clock):
    said = []
    speed = Speedometer(0, 32, said.append)
    pass_steps(speed, clock, 8.0, 2.0)
    assert speed.read(10)["perf/data_wait_frac"] == 0.8
    assert said == []  # the pipeline had to start
    pass_steps(speed, clock, 0.1, 0.9)
    speed.read(20)
    assert said == []  # ten percent are not too long
    for _ in range(2):
        pass_steps(speed, clock, 0.2, 0.8)
        figures = speed.read(30)
    assert said == [pytest.approx(0.2)]
    assert figures["perf/step_ms"] == pytest.approx(1000.0)


def test_evaluations_do_not_count(clock):
    speed = Speedometer(0, 8)
    with speed.paused():
        clock[0] += 50.0
    pass_steps(speed, clock, 0.5, 0.5)
    assert speed.read(4) == {
        "perf/images_per_sec": 32.0,
        "perf/step_ms": 250.0,
        "perf/data_wait_frac": 0.5,
    }


def test_the_source_knows_the_remedy():
    said = []

    class Slow:
        remedy = "more of everything"

    advice(Slow(), said.append)(0.341)
    assert said == ["34% of the time passes waiting for data; try more of everything"]


@pytest.mark.slow
def test_a_run_counts_what_it_could_not_read(tmp_path):
    import cv2

    for label in "ab":
        (tmp_path / "photos" / "train" / label).mkdir(parents=True)
        for i in range(4):
            path = tmp_path / "photos" / "train" / label / f"{i}.png"
            cv2.imwrite(str(path), np.full((16, 16, 3), 40 * i, np.uint8))
    (tmp_path / "photos" / "train" / "a" / "2.png").write_bytes(b"nothing")
    config = effjax.default_config()
    config.total_steps = 4.0
    config.data.update(name=str(tmp_path / "photos"), image_size=16, batch_size=8)
    config.data.update(on_error="skip", val_split="train")
    config.model.update(name="resnet18", depths=(1, 1, 1, 1), dims=(8, 8, 8, 8))
    config.log.update(tensorboard=False, curves=False, every_steps=1.0)
    effjax.train(config, tmp_path / "run", display=choose_display(quiet=True))
    rows = [row for row in read_rows(tmp_path / "run") if "train/loss" in row]
    assert rows[-1]["data/skipped"] == 4  # once an epoch
