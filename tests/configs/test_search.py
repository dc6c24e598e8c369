"""The searches of configs/search: each can be built, and `quick` runs."""

import json

import numpy as np
import pytest

from effjax.config import load
from effjax.errors import UserError
from effjax.inspect.listing import config_folder
from effjax.report import choose_display
from effjax.runs.schema import RunConfig
from effjax.search.kernel_sizes.run import search
from effjax.search.settings import read_search
from effjax.search.verb import search as search_space
from effjax.tasks import run as setup

FOLDER = config_folder() / "search"
FILES = sorted(path.stem for path in FOLDER.glob("[a-z]*.py"))
KERNELS = [file for file in FILES if file.startswith("kernel_size")]
SPACES = [file for file in FILES if file not in KERNELS]


@pytest.mark.parametrize("file", KERNELS)
def test_a_search_can_be_built(file):
    config = load(f"{FOLDER}/{file}.py", [], RunConfig)
    config.data.update(name="synthetic", train_split="train", val_split="validation")
    net = setup.build(config).task.supernet
    least, most = net.cost.reachable
    assert least < net.budgets[0] < most


@pytest.mark.parametrize("file", FILES)
def test_an_unknown_arg(file):
    with pytest.raises(UserError, match="knows no arg 'quikc'"):
        load(f"{FOLDER}/{file}.py:quikc", [], RunConfig)


@pytest.mark.parametrize("file", SPACES)
def test_a_space_can_be_read(file):
    for spec in (f"{FOLDER}/{file}.py", f"{FOLDER}/{file}.py:quick"):
        load(spec, [], RunConfig)
        wanted = read_search(spec)
        assert wanted.space.is_valid(wanted.space.sample(np.random.default_rng(0)))


@pytest.mark.slow
@pytest.mark.parametrize("file", SPACES)
def test_quick_of_a_space(file, tmp_path):
    spec = f"{FOLDER}/{file}.py:quick"
    config = load(spec, [], RunConfig)
    config.parallel.devices = 1
    search_space(config, read_search(spec), tmp_path, choose_display(quiet=True))
    assert (tmp_path / "architecture.json").exists()
    assert (tmp_path / "search.png").exists()


@pytest.mark.slow
@pytest.mark.parametrize("file", KERNELS)
def test_quick(file, tmp_path):
    config = load(f"{FOLDER}/{file}.py:quick", [], RunConfig)
    config.parallel.devices = 1
    search(config, tmp_path, False, choose_display(quiet=True))
    record = json.loads((tmp_path / "search.json").read_text())[0]
    assert record["cost"] <= record["budget"]
    assert (tmp_path / "kernel_sizes.png").exists()
