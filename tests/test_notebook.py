"""The notebook runs from top to bottom: its code cells in one namespace, without Jupyter."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parent.parent / "docs/library.ipynb"
PLAY = """
import json, pathlib, sys
cells = json.loads(pathlib.Path(sys.argv[1]).read_text())["cells"]
names = {"__name__": "__main__"}
for number, cell in enumerate(cells):
    if cell["cell_type"] == "code":
        exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
"""


@pytest.mark.slow
def test_the_notebook_runs(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PLAY, str(NOTEBOOK)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"EFFJAX_CACHE": "off"},
    )
    assert done.returncode == 0, done.stderr
    assert "loss" in done.stdout


def test_the_notebook_is_kept_without_outputs():
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    assert any(cell["cell_type"] == "code" for cell in cells)
    for cell in cells:
        assert cell["cell_type"] == "markdown" or cell["outputs"] == []
        if cell["cell_type"] == "code":
            compile("".join(cell["source"]), "cell", "exec")
