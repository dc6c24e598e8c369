"""Ray Tune on a local cluster of two nodes, one of which is killed in the middle."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from effjax.errors import UserError
from effjax.trials.ray_runner import RayOptions, check_options, run_ray
from tests.mistakes import QUICKSTART

SIXTEEN = """

def sweep(arg=None):
    from effjax.sweep import Sweep, grid
    rates = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1]
    return Sweep(grid({"optim.default.learning_rate": rates}), seeds=(0, 1), metric="val/loss")
"""


def write_config(folder: Path) -> Path:
    path = folder / "tiny.py"
    text = QUICKSTART.replace("total_steps = 4.0", "total_steps = 8.0")
    text = text.replace(
        "    return config", "    config.evals.val.every_steps = 2.0\n    return config"
    )
    path.write_text(text + SIXTEEN)
    return path


def test_without_ray_the_answer_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setenv("RAY_TRAIN_V2_ENABLED", "")
    monkeypatch.delenv("RAY_TRAIN_V2_ENABLED")
    with pytest.raises(UserError, match=r"pip install 'effjax\[sweep\]'"):
        run_ray([], "val/loss", tmp_path, None)
    # Ray reads it when it is imported, so it is set before
    assert os.environ["RAY_TRAIN_V2_ENABLED"] == "0"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheduler": "asah"}, "--scheduler=asah: expected one of none, asha"),
        ({"cpus": 0.0}, "--cpus=0: expected more than 0"),
        ({"cpus": float("nan")}, "--cpus=nan"),
        ({"gpus": -1.0}, "--gpus=-1: expected 0 or more"),
    ],
)
def test_options(options, message):
    with pytest.raises(UserError, match=message):
        check_options(RayOptions(**options))


RELATIVE = """

def sweep(arg=None):
    from effjax.sweep import Sweep
    return Sweep({"base": {}}, seeds=(0,), metric="val/loss")
"""


@pytest.mark.slow
def test_relative_paths_start_where_the_user_is(tmp_path):
    """Ray trains in a folder of its own; data that lie beside the config are found all the same."""
    pytest.importorskip("ray")
    for name in ("cat", "dog"):
        for split, count in (("train", 8), ("validation", 4)):
            folder = tmp_path / "photos" / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = np.full((8, 8, 3), number, np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    text = QUICKSTART.replace('name="synthetic", synthetic_examples=32,', 'name="photos",')
    (tmp_path / "tiny.py").write_text(text + RELATIVE)
    command = [sys.executable, "-m", "effjax", "sweep", "--config=tiny.py", "--workdir=runs"]
    # Ray may be installed in a folder of its own
    paths = os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [*command, "--runner=ray"],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": paths},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (row,) = (tmp_path / "runs/runs.csv").read_text().splitlines()[1:]
    assert row.split(",")[2], row


@pytest.mark.slow
def test_a_node_is_killed(tmp_path):
    """16 trials with ASHA on two nodes; one dies; every trial is over, with a value or stopped."""
    pytest.importorskip("ray")
    script = tmp_path / "cluster.py"
    script.write_text(CLUSTER)
    config, workdir = write_config(tmp_path), tmp_path / "runs"
    done = subprocess.run(
        [sys.executable, str(script), str(config), str(workdir)],
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "killed a node" in done.stdout
    rows = (workdir / "runs.csv").read_text().splitlines()[1:]
    assert len(rows) == 16
    finished = [row for row in rows if row.split(",")[2]]
    stopped = [row for row in rows if "stopped by ASHA" in row]
    assert len(finished) + len(stopped) == 16, rows
    assert finished
    assert stopped
    # what finished is right: the same run by itself gives the same value
    from effjax.report.progress import Quiet
    from effjax.sweep import make_plan
    from effjax.tasks.run import train

    variant, seed, value = finished[0].split(",")[:3]
    plan = make_plan(str(config), [], tmp_path / "alone")
    (trial,) = [t for t in plan.trials if t.variant == variant and t.seed == int(seed)]
    summary = train(trial.config, trial.workdir, display=Quiet())
    assert summary["final"]["val/loss"] == pytest.approx(float(value), rel=1e-5)


RANGES = """

def sweep(arg=None):
    from effjax.sweep import Sweep, halton, log
    return Sweep(halton({"optim.default.learning_rate": log(1e-4, 1e-1)}, 4), metric="val/loss")
"""


@pytest.mark.slow
def test_optuna_chooses_and_goes_on(tmp_path):
    """Four choices beside the config as it is; again, nothing is left to train."""
    pytest.importorskip("ray")
    pytest.importorskip("optuna")
    config, workdir = tmp_path / "tiny.py", tmp_path / "runs"
    config.write_text(QUICKSTART + RANGES)
    command = [sys.executable, "-m", "effjax", "sweep", f"--config={config}"]
    command += [f"--workdir={workdir}", "--runner=ray", "--search=optuna"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = (workdir / "runs.csv").read_text().splitlines()[1:]
    assert len(rows) == 5
    assert all(row.split(",")[2] for row in rows), rows
    chosen = (workdir / "search.jsonl").read_text()
    assert chosen.count("\n") == 4
    subprocess.run(command, capture_output=True, timeout=600, check=True)
    assert (workdir / "search.jsonl").read_text() == chosen


# in a process of its own: Ray's threads and sockets outlive what pytest allows
CLUSTER = """
import subprocess, sys, time
from pathlib import Path
from ray.cluster_utils import Cluster

config, workdir = sys.argv[1:]
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
second = cluster.add_node(num_cpus=1)
command = [sys.executable, "-m", "effjax", "sweep", f"--config={config}", f"--workdir={workdir}"]
command += ["--runner=ray", f"--address={cluster.address}", "--scheduler=asha"]
process = subprocess.Popen(command)
until = time.monotonic() + 900
while len(list(Path(workdir).glob("*/seed*/summary.json"))) < 2 and process.poll() is None:
    assert time.monotonic() < until, "nothing was trained"
    time.sleep(0.2)
assert process.poll() is None
cluster.remove_node(second, allow_graceful=False)
print("killed a node", flush=True)
status = process.wait()
cluster.shutdown()
sys.exit(status)
"""
