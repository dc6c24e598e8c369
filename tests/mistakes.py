"""The folder in which docs/mistakes.md is played: configs, good and bad, and a finished run."""

import contextlib
import shutil
from pathlib import Path

import pytest

from effjax import cli
from tests.once import once

QUICKSTART = '''"""A network of seconds on images that are made up."""

import effjax


def get_config(arg=None):
    config = effjax.default_config()
    config.total_steps = 4.0
    config.model.update(name="identityformer_s12", depths=(1, 1, 1, 1), dims=(4, 4, 4, 4))
    config.data.update(name="synthetic", synthetic_examples=32, image_size=8, batch_size=8)
    config.model.update(patch_kernels=(1, 1, 1, 1), patch_strides=(1, 1, 1, 1))
    config.model.update(patch_pads=(0, 0, 0, 0))
    config.checkpoint.every_steps = 2.0
    config.log.update(every_steps=1.0, tensorboard=False, curves=False)
    config.parallel.devices = 1
    return config
'''
TWO_UNITS = "    config.schedule.update(warmup_steps=1.0, warmup_epochs=1.0)\n    return"
NO_GROUP = '    config.optim.name = "adamw"\n    return'
CONFIGS = {
    "quickstart.py": QUICKSTART,
    "broken.py": "def get_config(arg=None)\n    return None\n",
    "nothing.py": "def get_config(arg=None):\n    pass\n",
    "misspelt.py": QUICKSTART.replace("total_steps", "total_stebs"),
    "folder.py": QUICKSTART.replace('name="synthetic"', 'name="photos"'),
    "no_group.py": QUICKSTART.replace("    return", NO_GROUP),
    "two_units.py": QUICKSTART.replace("    return", TWO_UNITS),
}


def make_world(folder: Path) -> None:
    """Configs, and a file that is no folder."""
    (folder / "configs").mkdir()
    for name, text in CONFIGS.items():
        (folder / "configs" / name).write_text(text)
    (folder / "notes.txt").write_text("not a folder\n")


def train_quickstart(factory: pytest.TempPathFactory) -> Path:
    """The finished run of configs/quickstart.py, made once a session."""

    def fill(folder: Path) -> None:
        make_world(folder)
        with contextlib.chdir(folder):
            cli.main(["train", "--config=configs/quickstart.py", "--quiet"])

    return once(factory, "quickstart", fill) / "runs/quickstart"


def add_run(folder: Path, trained: Path) -> None:
    """A copy of the run `trained` as runs/quickstart."""
    shutil.copytree(trained, folder / "runs/quickstart")


def flip_a_bit(folder: Path) -> None:
    """Damages the newest checkpoint of runs/quickstart, and takes away that it is finished."""
    (folder / "runs/quickstart/summary.json").unlink()
    newest = folder / "runs/quickstart/checkpoints/4"
    largest = max(newest.rglob("*"), key=lambda path: path.stat().st_size * path.is_file())
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 1
    largest.write_bytes(data)


def cut_config(folder: Path) -> None:
    """Cuts off runs/quickstart/config.json."""
    path = folder / "runs/quickstart/config.json"
    path.write_text(path.read_text()[:100])
