"""The batch file and the YAML: against what their tools document, and run with a fake SLURM."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SBATCH = ROOT / "launch/slurm/train.sbatch"
SKY = ROOT / "launch/skypilot/train.yaml"
# of sbatch's manual: options that we use and what their values look like
OPTIONS = {
    "job-name": r"[\w-]+",
    "nodes": r"\d+(-\d+)?",
    "ntasks-per-node": r"\d+",
    "gpus-per-node": r"(\w+:)?\d+",
    "cpus-per-task": r"\d+",
    "time": r"(\d+-)?\d+:\d\d:\d\d",
    "signal": r"([RB]+:)?[A-Z0-9]+@\d{1,5}",
    "requeue": "",
    "open-mode": "append|truncate",
    "output": r"[\w%./-]+",
}
# srun: the command once, as the only node would run it; scontrol: writes down what it is asked
SRUN = """
while [ "${1#--}" != "$1" ]; do echo "srun $1" >> calls; shift; done
exec "$@"
"""


@pytest.fixture
def slurm(tmp_path):
    """slurm(status, *argv, **environment) -> (exit status, output, calls of srun and scontrol)."""
    programs = {
        "srun": SRUN,
        "scontrol": 'echo "scontrol $@" >> calls',
        "effjax": 'for word in "$@"; do echo "effjax $word" >> calls; done; exit $STATUS',
    }
    (tmp_path / "bin").mkdir()
    for name, text in programs.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)

    def submit(status, *argv, **environment):
        path = environment.pop("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
        told = {"PATH": path, "SLURM_JOB_ID": "17", "SLURM_JOB_NUM_NODES": "2"}
        told |= {"SLURM_SUBMIT_DIR": str(tmp_path), "STATUS": str(status)}
        words = ["bash", str(SBATCH), *argv]
        done = subprocess.run(
            words, env=told | environment, cwd="/", capture_output=True, text=True, check=False
        )
        calls = tmp_path / "calls"
        heard = calls.read_text().splitlines() if calls.exists() else []
        return done.returncode, done.stdout + done.stderr, heard

    return submit


def test_the_options_are_sbatchs():
    lines = [line for line in SBATCH.read_text().splitlines() if line.startswith("#SBATCH")]
    found = dict(line.removeprefix("#SBATCH --").partition("=")[::2] for line in lines)
    assert found.keys() == OPTIONS.keys()
    for name, value in found.items():
        assert re.fullmatch(OPTIONS[name], value), name
    text = SBATCH.read_text()
    # sbatch reads no option after the first command
    assert text.rindex("#SBATCH --") < text.index("MAX_RESTARTS=")


@pytest.mark.parametrize(("status", "requeued"), [(0, False), (1, False), (3, False), (75, True)])
def test_75_goes_back_into_the_queue_and_nothing_else_does(slurm, status, requeued):
    code, _, calls = slurm(status, "--config=F", "--workdir=a b; touch PWNED")
    assert [call for call in calls if call.startswith("effjax")] == [
        "effjax train",
        "effjax --config=F",
        "effjax --workdir=a b; touch PWNED",
    ]
    assert ("scontrol requeue 17" in calls) == requeued
    assert code == (0 if requeued else status)


def test_a_job_does_not_come_back_for_ever(slurm):
    code, _, calls = slurm(75, "--config=F", SLURM_RESTART_COUNT="50")
    assert code == 75
    assert not any(call.startswith("scontrol") for call in calls)


def test_nothing_is_started_without_arguments_or_effjax(slurm):
    code, said, calls = slurm(0)
    assert (code, calls) == (1, [])
    assert "--config=F --workdir=D" in said
    code, said, calls = slurm(0, "--config=F", PATH="/usr/bin:/bin")
    assert (code, calls) == (1, [])
    assert "no effjax" in said


def test_the_yaml_says_what_skypilot_documents():
    task = yaml.safe_load(SKY.read_text())
    assert task.keys() == {
        "name",
        "resources",
        "num_nodes",
        "workdir",
        "envs",
        "setup",
        "run",
    }
    recovery = task["resources"]["job_recovery"]
    assert recovery["recover_on_exit_codes"] == [75]
    assert recovery["strategy"] in ("FAILOVER", "EAGER_NEXT_REGION")
    assert task["resources"]["use_spot"] is True
    assert task["envs"]["WORKDIR"] is None  # SkyPilot refuses to start without it
    for choice in task["resources"]["any_of"]:
        assert choice.keys() <= {"infra", "accelerators", "accelerator_args"}
        assert re.fullmatch(r"tpu-v\w+-\d+|[A-Z0-9]+:\d+", choice["accelerators"])


def test_the_yaml_passes_skypilots_own_check():
    sky = pytest.importorskip("sky", reason="SkyPilot is not installed")
    task = sky.Task.from_yaml_config(
        yaml.safe_load(SKY.read_text()), env_overrides=[("WORKDIR", "gs://bucket/night")]
    )
    assert task.name == "effjax"
    assert all(r.use_spot for r in task.resources)


@pytest.mark.parametrize("nodes", [1, 2])
def test_the_yamls_commands_run(nodes, tmp_path):
    """Its own `run`, with an effjax that writes its arguments down."""
    effjax = tmp_path / "effjax-venv/bin/effjax"
    effjax.parent.mkdir(parents=True)
    effjax.write_text(f'#!{sys.executable}\nimport sys\nprint("\\n".join(sys.argv[1:]))\n')
    effjax.chmod(0o755)
    environment = os.environ | {
        "HOME": str(tmp_path),
        "CONFIG": "configs/a.py",
        "WORKDIR": "gs://bucket/a b; touch PWNED",
        "FLAGS": "--config.seed=1 --quiet",
        "SKYPILOT_NUM_NODES": str(nodes),
        "SKYPILOT_NODE_RANK": "1",
        "SKYPILOT_NODE_IPS": "10.0.0.1\n10.0.0.2",
    }
    words = ["bash", "-c", yaml.safe_load(SKY.read_text())["run"]]
    done = subprocess.run(
        words, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    where = ["--coordinator=10.0.0.1:8482", "--hosts=2", "--host=1"] if nodes > 1 else []
    assert done.stdout.splitlines() == [
        "train",
        "--config=configs/a.py",
        "--workdir=gs://bucket/a b; touch PWNED",
        *where,
        "--config.seed=1",
        "--quiet",
    ]
    for part in ("setup", "run"):
        subprocess.run(["bash", "-n", "-c", yaml.safe_load(SKY.read_text())[part]], check=True)
