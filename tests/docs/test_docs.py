"""Every shell block of the docs runs, page by page, in a folder such as a reader has.

Blocks marked `sh`, and indented ones of nothing but effjax commands, are typed; `text` blocks
(installing, transcripts, what needs the network) are not.
"""

import os
import pkgutil
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest

from effjax import cli
from tests.one_device import one_device

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = "../README.md"
PAGES = sorted(path.name for path in DOCS.glob("*.md") if path.name != "mistakes.md")
# what a page takes up where another one has left off
BEFORE = {
    README: "effjax train --config=configs/quickstart.py --quiet\n"
    "mv photos holiday && mkdir photos && cd photos && unzip -q ../photos.zip && cd ..\n",
    "evaluate.md": "effjax train --config=configs/folder.py --config.data.name=photos.zip "
    "--workdir=runs/photos --quiet\n",
    "export.md": "effjax train --config=configs/quickstart.py --quiet\n",
}


def readme_commands(text: str) -> list[str]:
    """The commands that a reader of the README types in a checkout, after `make quickstart`."""
    typed = re.findall(r"^    \.venv/bin/(effjax .*)$", text, re.MULTILINE)
    return [line for line in typed if line != "effjax train --config=configs/quickstart.py"]


def is_possible(command: str) -> bool:
    """Whether the extra that a command of the README needs is installed."""
    extras = {"--format=onnx": "jax2onnx", "--bits=": "qwix"}
    return all(find_spec(name) for sign, name in extras.items() if sign in command)


def shell_blocks(text: str) -> list[str]:
    """The blocks that a reader would type."""
    fenced = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    indented = re.findall(
        r"(?<=\n\n)(?:    .*\n)+", re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    )
    plain = ["\n".join(line[4:] for line in block.splitlines()) for block in indented]
    return fenced + [
        block for block in plain if all(line.startswith("effjax ") for line in block.splitlines())
    ]


def make_world(folder: Path) -> None:
    """configs/, photos.zip with three classes, photos/ with a few loose pictures, and `effjax`."""
    shutil.copytree(ROOT / "configs", folder / "configs")
    rng = np.random.default_rng(0)
    (folder / "photos").mkdir()
    with zipfile.ZipFile(folder / "photos.zip", "w") as archive:
        for number in range(90):
            base = rng.uniform(0, 255, (4, 4, 3)) * np.eye(3)[number % 3]
            image = cv2.resize(base, (72, 80)).astype(np.uint8)
            data = cv2.imencode(".jpg", image)[1].tobytes()
            name = ("cat", "dog", "eel")[number % 3]
            archive.writestr(f"{name}/{number}.jpg", data)
            if number < 5:
                (folder / "photos" / f"{number}.jpg").write_bytes(data)
    shim = folder / "bin/effjax"
    shim.parent.mkdir()
    shim.write_text(
        f'#!/bin/sh\nexec {sys.executable} {Path(__file__).parent}/effjax_of_the_docs.py "$@"\n'
    )
    shim.chmod(0o755)


def needs(text: str) -> None:
    if "--format=onnx" in text:
        pytest.importorskip("jax2onnx", reason="the export extra and jax2onnx are not installed")
    if "--format=stablehlo" in text:
        pytest.importorskip("flatbuffers", reason="the export extra is not installed")


@pytest.mark.slow
@pytest.mark.parametrize("page", [README, *PAGES])
def test_the_shell_blocks_run(page, tmp_path):
    text = (DOCS / page).read_text()
    blocks = shell_blocks(text)
    if page == README:
        blocks = list(filter(is_possible, readme_commands(text)))
    if page == "launch.md":
        pytest.skip("played in tests/launch, where there is a cloud")
    if not blocks:
        pytest.skip("nothing to type on this page")
    needs("\n".join(blocks))
    make_world(tmp_path)
    environment = one_device() | {
        "PATH": f"{tmp_path}/bin:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "EFFJAX_CACHE": str(tmp_path.parent / "cache"),
        "COLUMNS": "100",
    }
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    script = "set -e\n" + BEFORE.get(page, "") + "\n".join(blocks)
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    assert "Traceback" not in done.stderr


def typed_commands(text: str) -> list[list[str]]:
    """The words of every effjax command, up to a pipe or a redirection, comments left out."""
    found = []
    for line in text.splitlines():
        command = line.strip().removeprefix(".venv/bin/")
        if not command.startswith("effjax "):
            continue
        # whether buckets can be reached depends on an extra
        words = shlex.split(command.replace("gs://", ""), comments=True)
        if "--help" in words:
            continue
        ends = [words.index(sign) for sign in ("|", ">", "&&", ";", "&") if sign in words]
        found.append(words[: min(ends, default=len(words))])
    return found


@pytest.mark.parametrize("page", [README, *PAGES])
def test_commands_are_understood(page):
    """Verbs, flags and named configs exist; that they run is `test_the_shell_blocks_run`'s."""
    text = (DOCS / page).read_text()
    blocks = readme_commands(text) if page == README else shell_blocks(text)
    for words in typed_commands("\n".join(blocks)):
        args = cli.parse(words[1:])
        config = getattr(args, "config", None)
        if config is not None and config.startswith("configs/"):
            assert (ROOT / config.partition(":")[0]).exists(), config


@pytest.mark.parametrize("page", PAGES)
def test_python_blocks_can_be_compiled(page):
    for block in re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(), re.S | re.M):
        compile(block, page, "exec")


@pytest.mark.slow
def test_the_example_with_optax_runs():
    (block,) = re.findall(
        r"^```python\n(.*?)^```", (DOCS / "optimizers.md").read_text(), re.S | re.M
    )
    names: dict = {}
    exec(compile(block, "optimizers.md", "exec"), names)
    assert names["params"]["w"].shape == (3,)


def test_what_the_reference_describes_is_there():
    """The site is not built by `make test`, and stops at the first name that has moved."""
    described = re.findall(r"^::: (\S+)", (DOCS / "reference.md").read_text(), re.MULTILINE)
    assert described
    for name in described:
        assert pkgutil.resolve_name(name) is not None


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "zensical.toml").read_text()
    assert [page for page in PAGES if f'"{page}"' not in navigation] == []


def test_what_is_linked_is_there():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (DOCS / page).read_text()):
            assert (DOCS / target).exists(), f"{page}: {target}"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("zensical") is None, reason="the docs extra is not installed")
def test_the_site_is_built_without_warnings(tmp_path):
    for name in ("docs", "effjax"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "benchmarks").mkdir()
    for name in ("zensical.toml", "CONTRIBUTING.md", "benchmarks/RESULTS.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    done = subprocess.run(
        ["zensical", "build", "--strict"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout + done.stderr
    assert "arning" not in done.stdout + done.stderr
    assert (tmp_path / "site/reference/index.html").stat().st_size > 50_000


@pytest.mark.slow
def test_the_pictures_are_those_of_their_script(tmp_path):
    words = [sys.executable, str(DOCS / "draw_augmentation.py"), str(tmp_path)]
    subprocess.run(words, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    made = sorted(path.name for path in tmp_path.iterdir())
    assert "augmentation.png" in made
    # other pictures there are what a run has written
    for name in made:
        pixels = [cv2.imread(str(folder / name)) for folder in (tmp_path, DOCS / "pictures")]
        assert abs(np.subtract(*(image.astype(int) for image in pixels))).mean() < 2
