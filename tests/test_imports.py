"""The rooms import one way only, and nothing brings in TensorFlow, torch or flax.nnx."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "effjax"
# what the top floor may import; neighbours there do not import each other
TOP = {"train", "data", "models", "optim", "ops", "report", "config", "errors", "startup"}
# room -> rooms that it may import, for the floors below
ALLOWED = {
    "ops": set(),
    "optim": set(),
    "errors": set(),
    "startup": set(),
    "report": {"errors"},
    "config": {"errors"},
    "data": {"ops", "config", "errors", "report"},
    "models": {"ops", "config", "errors", "report"},
    "train": {"data", "models", "optim", "ops", "config", "errors", "report"},
}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """The rooms of effjax that a file imports, also inside functions."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        rooms |= {name.split(".")[1] for name in names if name.startswith("effjax.")}
    known = {child.name.removesuffix(".py") for child in PACKAGE.iterdir()}
    return rooms & known


def test_arrows_point_one_way():
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        room = room_of(path)
        if room in ("cli", "__init__", "__main__"):
            continue
        allowed = ALLOWED.get(room, TOP)
        wrong += [f"{path}: {r}" for r in imported_rooms(path) - allowed - {room}]
    assert not wrong


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_is_light():
    heavy = "tensorflow torch flax.nnx orbax grain tensorflow_datasets sklearn matplotlib cv2 jax"
    code = f"import sys, effjax; print([m for m in '{heavy}'.split() if m in sys.modules])"
    assert run_python(code).strip() == "[]"


def test_a_run_brings_in_no_other_framework(tmp_path):
    code = f"""
import sys
from effjax.cli import main
main(["train", "--config=configs/quickstart.py:quick", "--config.total_steps=2", "--quiet",
      "--config.parallel.devices=1", "--config.model.dims=(8,8,32,32)", "--workdir={tmp_path}/run"])
main(["evaluate", "--workdir={tmp_path}/run"])
print([m for m in ("tensorflow", "torch", "flax.nnx") if m in sys.modules])
"""
    assert run_python(code).strip().splitlines()[-1] == "[]"


def test_imports_inside_functions_are_found():
    """The command line imports its rooms only when a verb is run."""
    assert {"config", "train"} <= imported_rooms(PACKAGE / "cli/train.py")


@pytest.mark.parametrize("room", ["ops", "optim"])
def test_rooms_can_be_lifted_out(room):
    for path in (PACKAGE / room).rglob("*.py"):
        assert imported_rooms(path) <= {room}
