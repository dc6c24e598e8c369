"""All of it at once: two workers of four devices each, a run in a bucket, a preemption, the end."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fake_gcs import FakeGcs

pytest.importorskip("gcsfs", reason="the gcs extra is not installed")

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cloud(launcher, environment_ready):
    """The launcher, with workers that train together and a bucket."""
    environment_ready(launcher)
    launcher.cloud.plan(workers=2, devices=4)
    with FakeGcs() as launcher.gcs:
        launcher.environment |= launcher.gcs.environment
        launcher.environment["XLA_FLAGS"] = ""
        yield launcher


def until(condition, process, seconds=300.0):
    ends = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[1][-3000:]
        assert time.monotonic() < ends
        time.sleep(0.1)


def rows(gcs, run):
    names = gcs.names(f"bucket/{run}/metrics-")
    text = b"".join(gcs.objects[f"bucket/{run}/metrics-{name}"] for name in names)
    return [json.loads(line) for line in text.splitlines()]


def train(run):
    """Forty steps of the quickstart; the whole of it takes ten minutes on fake devices."""
    flags = ("--config.total_steps=40", "--config.total_epochs=None", "--config.log.every_steps=1")
    flags += ("--config.schedule.warmup_steps=4", "--config.schedule.warmup_epochs=None")
    flags += ("--config.checkpoint.every_steps=10", "--config.checkpoint.every_epochs=None")
    config = "--config=configs/quickstart.py"
    return ("effjax", "train", config, f"--workdir=gs://bucket/{run}", *flags)


@pytest.mark.slow
def test_the_quickstart_is_preempted_comes_back_and_finishes(cloud):
    process = cloud.begin("run", "--type=v6e-8", "--spot", "--down", command=train("a"))
    until(lambda: len(rows(cloud.gcs, "a")) > 12, process)
    cloud.cloud.preempt("night", grace=60)
    out, said = process.communicate(timeout=400)
    assert process.returncode == 0, said + out[-3000:]
    assert "the slice was taken away" in said or "interrupted and saved" in said
    (step,) = re.findall(r"SIGTERM: saved at step (\d+)", out)
    assert f"continuing gs://bucket/a from step {step}" in out
    assert len(cloud.cloud.calls("queued-resources create")) == 2
    assert cloud.cloud.left() == ({}, {})
    assert json.loads(cloud.gcs.objects["bucket/a/summary.json"])["step"] == 40

    again = cloud("run", "--type=v6e-8", "--down", command=train("b"))
    assert again[0] == 0, again[2]
    kept = [
        [(r["step"], r["train/loss"]) for r in rows(cloud.gcs, run) if "train/loss" in r]
        for run in ("a", "b")
    ]
    assert [step for step, _ in kept[0]] == list(range(1, 41))
    assert kept[0] == kept[1]  # to the bit: the preemption has changed nothing


PYTHON = """#!/bin/sh
script="$1"; verb="$2"; shift 2
exec "{python}" "$script" "$verb" --pause=0.05 "$@"
"""
SBATCH = """#!/bin/sh
while [ "${1#--}" != "$1" ]; do shift; done
SLURM_SUBMIT_DIR="$PWD" SLURM_JOB_ID=1 SLURM_JOB_NUM_NODES=1 exec bash "$@"
"""
SRUN = '#!/bin/sh\nwhile [ "${1#--}" != "$1" ]; do shift; done\nexec "$@"\n'


@pytest.mark.slow
def test_the_blocks_of_the_guide_run(cloud, tmp_path):
    """docs/launch.md as it stands; `effjax` takes quick forms, as for the other pages."""
    page = (ROOT / "docs/launch.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 5
    world = tmp_path / "world"
    world.mkdir()
    for name in ("launch", "configs"):
        (world / name).symlink_to(ROOT / name)
    short = f'#!/bin/sh\nexec "{sys.executable}" "{ROOT}/tests/docs/effjax_of_the_docs.py" "$@"\n'
    bin_ = tmp_path / "bin"
    shims = {"python": PYTHON.format(python=sys.executable), "sbatch": SBATCH, "srun": SRUN}
    venv = cloud.cloud.folder / "venv/bin/effjax"
    programs = {venv: short, bin_ / "effjax": short} | {
        bin_ / name: text for name, text in shims.items()
    }
    for path, text in programs.items():
        path.write_text(text)
        path.chmod(0o755)
    environment = cloud.environment | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-c", "set -e\n" + "\n".join(blocks)],
        cwd=world,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    assert "Traceback" not in done.stderr
    assert "done on all 2 workers" in done.stderr
    assert cloud.cloud.left() == ({}, {})
    assert (world / "night.png").exists()
    assert (world / "runs/night/summary.json").exists()
