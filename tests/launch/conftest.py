"""A fake `gcloud` on the PATH, and the launcher as one would type it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.launch.fake_gcloud import Cloud

ROOT = Path(__file__).parents[2]
WHERE = ["--name=night", "--zone=us-east5-b"]


class Launcher:
    """`launch/tpu_vm.py` against the fake."""

    def __init__(self, cloud: Cloud, environment: dict[str, str]):
        self.cloud, self.environment = cloud, environment

    def begin(self, verb: str, *flags: str, command: tuple[str, ...] = ()) -> subprocess.Popen:
        """The launcher, started."""
        script = str(ROOT / "launch/tpu_vm.py")
        after = ["--", *command] if command else []
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        arguments = [sys.executable, script, verb, *WHERE, "--pause=0.05", *flags, *after]
        return subprocess.Popen(arguments, env=self.environment, **pipes)

    def __call__(self, verb: str, *flags: str, command: tuple[str, ...] = ()):
        """(status, standard output, standard error) of the launcher, which must end."""
        process = self.begin(verb, *flags, command=command)
        out, error = process.communicate(timeout=240)
        return process.returncode, out, error


@pytest.fixture
def launcher(tmp_path) -> Launcher:
    """The launcher with a fake cloud of its own; workers find an environment that is ready."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    gcloud = bin_ / "gcloud"
    fake = Path(__file__).parent / "fake_gcloud.py"
    gcloud.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "{fake}" "$@"\n')
    gcloud.chmod(0o755)
    environment = dict(os.environ) | {
        "PATH": f"{bin_}:{os.environ['PATH']}",
        "FAKE_GCLOUD": str(tmp_path / "cloud"),
    }
    return Launcher(Cloud(tmp_path / "cloud"), environment)


@pytest.fixture
def environment_ready():
    """environment_ready(launcher): nodes come with the virtual environment already made.

    Its `effjax` is this checkout's, in this interpreter; what the launcher would install is the
    business of `test_worker.py`.
    """

    def prepare(launcher: Launcher) -> None:
        venv = launcher.cloud.folder / "venv"
        (venv / "bin").mkdir(parents=True)
        for name, arguments in (("effjax", "-m effjax.cli"), ("python3", "")):
            program = venv / "bin" / name
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
            program.chmod(0o755)
        (venv / ".ready").touch()
        launcher.environment["FAKE_GCLOUD_VENV"] = str(venv)

    return prepare
