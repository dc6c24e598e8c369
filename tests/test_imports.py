"""The rooms import downwards only, and nothing brings in TensorFlow, torch or flax.nnx.

FLOORS is the only place where the order of the rooms is written. The docs and CONTRIBUTING.md
include it from here.
"""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.readability import circles

PACKAGE = Path(__file__).parent.parent / "effjax"

# --8<-- [start:floors]
# From the ground up. A room imports from the floors below its own, never from its own floor.
FLOORS = (
    ("errors", "moved", "ranges", "startup", "version"),
    ("kinds", "plugins"),
    ("registry",),
    ("diffusion", "ops", "optim", "curvature", "report"),
    ("config",),
    ("data", "models"),
    ("contract", "costs"),
    ("devices",),
    ("runs",),
    ("training",),
    ("tasks",),
    ("trained",),
    ("trials",),
    ("search",),
    ("compress",),
    ("bench", "sweep", "evaluate", "export", "analyse", "inspect", "sample"),
    ("claims",),
    ("cli",),
    ("__init__", "__main__"),
)
# These could be lifted out of effjax: they import the ground floor, plugins and registry.
LIFTABLE = ("diffusion", "ops", "optim", "curvature", "report")
# --8<-- [end:floors]

# What lies across the floors today, each with its reason: (importing file, imported room).
EXCEPTIONS: dict[tuple[str, str], str] = {}
# Files that import each other in a circle, by their common folder.
CIRCLES: set[str] = set()
STRING = re.compile(r"effjax(\.\w+)+(:\w+)?")


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


ROOMS = {room_of(path) for path in PACKAGE.rglob("*.py")}
FLOOR_OF = {room: number for number, floor in enumerate(FLOORS) for room in floor}


def imported_modules(path: Path) -> set[str]:
    """Modules of effjax that a file imports, inside functions and by their names in strings too."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Constant) and STRING.fullmatch(str(node.value)):
            modules.add(node.value.partition(":")[0])
    return {name for name in modules if name.split(".")[0] == "effjax"}


def imported_rooms(path: Path) -> set[str]:
    """Their rooms; what stands in `effjax/__init__.py` is the room `__init__`."""
    names = (f"{module}.__init__".split(".")[1] for module in imported_modules(path))
    return {name if name in ROOMS else "__init__" for name in names}


def test_every_room_has_its_floor():
    assert set(FLOOR_OF) == ROOMS
    assert sum(map(len, FLOORS)) == len(FLOOR_OF), "a room stands on two floors"


def test_arrows_point_down():
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        here = room_of(path)
        for room in imported_rooms(path) - {here}:
            if FLOOR_OF[room] >= FLOOR_OF[here]:
                wrong.append((str(path.relative_to(PACKAGE)), room))
    assert sorted(wrong) == sorted(EXCEPTIONS)


def test_no_circles():
    common = {os.path.commonpath(ring) for ring in circles(PACKAGE)}
    assert {str(Path(folder).relative_to(PACKAGE)) for folder in common} == CIRCLES


@pytest.mark.parametrize("room", LIFTABLE)
def test_rooms_can_be_lifted_out(room):
    for path in PACKAGE.glob(f"{room}/**/*.py"):
        allowed = {room, "errors", "moved", "ranges", "kinds", "plugins", "registry"}
        assert imported_rooms(path) <= allowed


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_is_light():
    heavy = "tensorflow torch flax.nnx orbax grain tensorflow_datasets sklearn matplotlib cv2 jax"
    code = f"import sys, effjax; print([m for m in '{heavy}'.split() if m in sys.modules])"
    assert run_python(code).strip() == "[]"


@pytest.mark.slow
def test_a_run_brings_in_no_other_framework(tmp_path):
    code = f"""
import sys
from effjax.cli import main
main(["train", "--config=configs/quickstart.py:quick", "--config.total_steps=2", "--quiet",
      "--config.parallel.devices=1", "--config.model.dims=(8,8,8,8)", "--config.model.depths=1",
      "--config.model.mixers=identity", "--workdir={tmp_path}/run"])
main(["evaluate", "--workdir={tmp_path}/run"])
print([m for m in ("tensorflow", "torch", "flax.nnx") if m in sys.modules])
"""
    assert run_python(code).strip().splitlines()[-1] == "[]"


def test_imports_inside_functions_and_strings_are_found():
    """The command line imports its rooms only when a verb is run; registries name modules."""
    assert {"runs", "tasks"} <= imported_rooms(PACKAGE / "cli/train.py")
    assert {"search", "tasks"} <= imported_rooms(PACKAGE / "__init__.py")
