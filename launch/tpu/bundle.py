"""What is sent to the workers: the code as it is here, and what to do with it."""

import hashlib
import json
import os
import subprocess
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

from tpu.slices import Mistake

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = "tpu,gcs"
LARGEST = 64 << 20  # bytes of code: more is data that has got in


@dataclass
class Bundle:
    """One attempt of a run.

    Attributes:
      run: its id, on all workers and in all file names.
      command: what each worker runs.
      env: environment of it; values are sent in a file and never shown.
      extras: of effjax, to be installed.
    """

    run: str
    command: list[str]
    env: dict[str, str] = field(default_factory=dict)
    extras: str = EXTRAS

    def write(self, folder: Path) -> list[str]:
        """Writes the files to be copied into an empty folder and returns their names."""
        files = code_files()
        name = hash_of(files)
        archive, spec = folder / f"code.{name}.tar.gz", folder / f"{self.run}.json"
        with tarfile.open(archive, "w:gz") as tar:
            for path in files:
                tar.add(path, arcname=path.relative_to(ROOT))
        about = {"command": self.command, "env": self.env, "extras": self.extras}
        about |= {"code": name, "venv": environment_hash(self.extras)}
        spec.touch(mode=0o600)  # before there is anything in it
        spec.write_text(json.dumps(about))
        worker = ROOT / "launch/tpu/worker.py"
        return [str(archive), str(spec), str(worker)]


def code_files() -> list[Path]:
    """The files that git knows or does not ignore, as they are now.

    Raises:
      Mistake: no git checkout, or too much.
    """
    ask = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(ask, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Mistake(f"{ROOT} is no git checkout; the code to be sent is what git lists there")
    files = sorted({ROOT / name for name in done.stdout.split("\0") if name})
    # git lists files that were deleted, too; a link could lead out of the checkout
    files = [path for path in files if path.is_file() and not path.is_symlink()]
    total = sum(path.stat().st_size for path in files)
    if total > LARGEST:
        big = max(files, key=lambda path: path.stat().st_size)
        raise Mistake(
            f"the code is {total >> 20} MB, the largest file {big.relative_to(ROOT)}; at most "
            f"{LARGEST >> 20} MB are sent\nput data into a bucket and their names into .gitignore"
        )
    return files


def hash_of(files: list[Path]) -> str:
    """16 hex digits of names and contents."""
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT)}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def environment_hash(extras: str) -> str:
    """16 hex digits of all that decides what is installed."""
    parts = [(ROOT / name).read_bytes() for name in ("constraints.txt", "pyproject.toml")]
    return hashlib.sha256(b"\0".join([*parts, extras.encode()])).hexdigest()[:16]


def environment_of(given: list[str]) -> dict[str, str]:
    """--env KEY=VALUE, or --env KEY to take this machine's.

    Raises:
      Mistake: no name, or not set here.
    """
    found = {}
    for item in given:
        key, equals, value = item.partition("=")
        if not key.isidentifier():
            raise Mistake("--env wants NAME=VALUE, or NAME to take what is set on this machine")
        if not equals and key not in os.environ:
            raise Mistake(f"--env={key}: {key} is not set here; give --env={key}=VALUE")
        found[key] = value if equals else os.environ[key]
    return found
