"""Runs whose folder is in a bucket: of a fake on the loopback, with the real clients."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import mistakes
from tests.fake_gcs import FakeGcs
from tests.one_device import one_device

pytest.importorskip("gcsfs", reason="the gcs extra is not installed")

ROOT = Path(__file__).parents[2]
RUN = "gs://bucket/runs/a"


@pytest.fixture
def gcs():
    with FakeGcs() as service:
        yield service


@pytest.fixture
def effjax(gcs, tmp_path):
    """effjax(*argv) -> what has come of it, in a folder with configs."""
    mistakes.make_world(tmp_path)
    environment = one_device() | gcs.environment | {"PYTHONPATH": str(ROOT)}

    def call(*argv):
        words = [sys.executable, "-m", "effjax", *argv]
        pipes = {"capture_output": True, "text": True, "timeout": 200}
        done = subprocess.run(words, cwd=tmp_path, env=environment, check=False, **pipes)
        assert "Traceback" not in done.stderr, done.stderr[-5000:]
        return done

    return call


ROUND = """
import numpy as np
from effjax.models.weights.files import read_state, write_state
state = {"a": np.arange(6.0, dtype=np.float32).reshape(2, 3)}
write_state(state, "gs://bucket/w.safetensors")
np.testing.assert_array_equal(read_state("gs://bucket/w.safetensors")["a"], state["a"])
"""


def rows(gcs):
    parts = gcs.names("bucket/runs/a/metrics-")
    lines = b"".join(gcs.objects[f"bucket/runs/a/metrics-{part}"] for part in parts).splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.slow
def test_it_trains_there_and_continues(effjax, gcs, tmp_path):
    train = ("train", "--config=configs/quickstart.py", f"--workdir={RUN}")
    done = effjax(*train, "--config.log.curves=True", "--config.log.tensorboard=True")
    assert done.returncode == 0, done.stderr
    names = gcs.names("bucket/runs/a/")
    assert {"config.json", "summary.json", "curves.png", "metrics-000001.jsonl"} <= set(names)
    assert gcs.objects["bucket/runs/a/curves.png"].startswith(b"\x89PNG")
    assert {n.split("/")[1] for n in names if n.endswith("checksums.json")} == {"2", "4"}
    assert any(name.startswith("tensorboard/events") for name in names)

    done = effjax(*train, "--config.total_steps=6", "--extend")
    assert done.returncode == 0, done.stderr
    assert "continuing gs://bucket/runs/a from step 4" in done.stderr + done.stdout
    steps = [row["step"] for row in rows(gcs) if "train/loss" in row]
    assert steps == [1, 2, 3, 4, 5, 6]
    assert not (tmp_path / "gs:").exists()


@pytest.mark.slow
def test_it_is_evaluated_compared_and_exported(effjax, tmp_path):
    train = ("train", "--config=configs/quickstart.py", f"--workdir={RUN}")
    assert effjax(*train).returncode == 0
    again = effjax(*train)
    assert (again.returncode, "is finished" in again.stderr + again.stdout) == (0, True)
    done = effjax("evaluate", f"--workdir={RUN}")
    assert done.returncode == 0, done.stderr
    assert "val/top1" in done.stdout + done.stderr
    assert effjax("export", f"--workdir={RUN}", "--format=safetensors").returncode == 0
    assert (tmp_path / "a.safetensors").exists()
    assert effjax("compare", RUN, "--out=here.png").returncode == 0
    assert (tmp_path / "here.png").exists()


@pytest.mark.slow
def test_weights_go_there_and_back(gcs):
    environment = os.environ | gcs.environment | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", ROUND], env=environment, check=True, timeout=100)
    assert gcs.names() == ["bucket/w.safetensors"]


@pytest.mark.slow
def test_a_service_that_is_away_for_a_moment_costs_no_row(effjax, gcs):
    gcs.away_after = "metrics-000002"
    done = effjax("train", "--config=configs/quickstart.py", f"--workdir={RUN}")
    assert done.returncode == 0, done.stderr
    assert gcs.away_after is None
    assert [row["step"] for row in rows(gcs) if "train/loss" in row] == [1, 2, 3, 4]


def test_a_bucket_that_there_is_not_is_named_before_anything_is_compiled(effjax, gcs):
    done = effjax("train", "--config=configs/quickstart.py", "--workdir=gs://nowhere/runs/a")
    assert done.returncode == 1
    assert "cannot write to --workdir=gs://nowhere/runs/a" in done.stderr
    assert "does the bucket exist" in done.stderr
    assert not gcs.objects
