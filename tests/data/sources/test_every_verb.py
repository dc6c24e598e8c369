"""Every command on every odd set: what docs/own_images.md says of it.

A row that has changed is shown as it should be in the message of the failure.
"""

import contextlib
import functools
import json
import re
from pathlib import Path

import pytest

from effjax import cli
from tests import mistakes
from tests.data.sources.odd_sets import Maker

PAGE = Path(__file__).parents[3] / "docs/own_images.md"
SECTION = PAGE.read_text().partition("## Every command on each of them")[2].partition("\n## ")[0]
ROWS = {}
for line in SECTION.splitlines():
    if found := re.match(r"\| `([^`]+)` \|", line):
        ROWS[found[1]] = line
QUICK = ("dangling",)  # these run in `make test`

# one block, two steps of two images, an optimizer that is compiled quickly
SETTINGS = (
    "--config.optim.default.name=sgd",
    "--config.total_steps=2",
    "--config.checkpoint.every_steps=2",
    "--config.data.batch_size=2",
    "--config.data.eval_batch_size=4",
    "--config.data.on_error=skip",
    "--config.model.depths=(1,)",
    "--config.model.dims=(4,)",
    "--config.model.mixers=('identity',)",
    "--config.model.kernel_sizes=(3,)",
    "--config.model.layer_scale=(None,)",
    "--config.model.residual_scale=(1.0,)",
    "--config.model.remat=(False,)",
    "--config.model.patch_kernels=(1,)",
    "--config.model.patch_strides=(1,)",
    "--config.model.patch_pads=(0,)",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a config."""
    folder = tmp_path_factory.mktemp("sets")
    mistakes.make_world(folder)
    with contextlib.chdir(folder):
        yield folder


@pytest.fixture(scope="module")
def run_on_sound_images(folder):
    """Makes, once, a run on sound images: the network that meets the sets that are refused."""

    @functools.cache
    def run():
        assert do_train(str(Maker(folder).plain("sound")), "runs/sound") == "trained"
        return "runs/sound"

    return run


def refused(*argv):
    """Whether a command ends with a mistake of the user's."""
    try:
        cli.main(list(argv))
    except SystemExit as stop:
        return stop.code == 1
    return False


def do_check(name, capsys):
    if refused("data", "check", name):
        return "refused"
    said = capsys.readouterr().out
    classes = re.search(r"(\d+) classes", said)[1]
    broken = re.search(r"cannot be decoded: (\d+)", said)[1]
    return f"{classes} classes" + (f", {broken} broken" if broken != "0" else "")


def do_train(name, workdir):
    words = (f"--config.data.name={name}", f"--workdir={workdir}", "--quiet")
    if refused("train", "--config=configs/quickstart.py", *words, *SETTINGS):
        assert not Path(workdir).exists()
        return "refused"
    summary = json.loads((Path(workdir) / "summary.json").read_text())
    assert summary["final"]["val/loss"] > 0
    return "trained"


def do_evaluate(name, workdir, capsys):
    capsys.readouterr()
    if refused("evaluate", workdir, f"--data={name}", "--quiet"):
        return "refused"
    return re.search(r"top-1 .* of (\d+)", capsys.readouterr().out)[1] + " images"


def do_predict(name, workdir, capsys):
    capsys.readouterr()
    if refused("predict", workdir, name, "--json", "--quiet"):
        return "refused"
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    broken = sum("error" in line for line in lines)
    return f"{len(lines) - broken} images" + (f", {broken} broken" if broken else "")


def do_export(workdir):
    cli.main(["export", workdir, "--format=safetensors", "--out=w.safetensors", "--quiet"])
    assert json.loads(Path("w.json").read_text())["labels"]
    return "exported"


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in ROWS]
)
def test_the_table_says_what_each_command_does(name, folder, run_on_sound_images, tmp_path, capsys):
    images = str(Maker(tmp_path).make(name))
    own = str(tmp_path / "run")
    checked = do_check(images, capsys)
    trained = do_train(images, own)
    run = own if trained == "trained" else run_on_sound_images()
    workdir = f"--workdir={run}"
    evaluated = do_evaluate(images, workdir, capsys)
    predicted = do_predict(images, workdir, capsys)
    exported = do_export(workdir) if run == own else "-"
    cells = (f"`{name}`", checked, trained, evaluated, predicted, exported)
    assert f"| {' | '.join(cells)} |" == ROWS[name]


def test_the_table_has_every_set():
    other = PAGE.read_text().partition("## Odd folders and archives")[2].partition("\n## ")[0]
    assert list(ROWS) == re.findall(r"^\| `([^`]+)`", other, re.MULTILINE)
