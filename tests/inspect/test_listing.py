"""The lists of configs, models and optimizers."""

import inspect

import pytest

from effjax import cli, models, optim
from effjax.errors import UserError
from effjax.inspect.listing import (
    COUNTED,
    config_folder,
    config_rows,
    model_rows,
    optimizer_details,
    weights_rows,
)
from effjax.report.tables import terminal_width


def test_configs_are_described_without_being_run(tmp_path):
    (tmp_path / "sub").mkdir()
    config = (
        '"""Trains a thing.\n\nMore."""\n'
        "raise RuntimeError\n"
        "from shared import quick\n"
        "ARGS = ('long', 'wide')\n"
        "def get_config(arg=None):\n"
        "    pass\n"
    )
    (tmp_path / "sub/one.py").write_text(config)
    (tmp_path / "broken.py").write_text("def")
    (tmp_path / "other.py").write_text("x = 1")
    broken, other, one = config_rows(tmp_path)
    assert broken[2].startswith("cannot be read:")
    assert other[2].startswith("no config")
    assert one == (str(tmp_path / "sub/one.py"), "long, wide, quick", "Trains a thing.")


def test_every_config_of_the_checkout_has_a_line_and_takes_quick(capsys):
    cli.main(["configs"])
    listed = capsys.readouterr().out.splitlines()
    assert any(line.startswith("quickstart ") for line in listed)
    assert len(listed) < 50  # they fit a screen
    assert max(map(len, listed[:-1])) <= terminal_width()
    for path, words, line in config_rows(config_folder()):
        assert "quick" in words.split(", "), path
        assert line, path


def test_one_config_is_told_in_full(capsys):
    cli.main(["configs", "imagenet/caformer"])
    said = capsys.readouterr().out
    assert said.startswith("configs/imagenet/caformer.py\n")
    assert "Run: effjax train --config=configs/imagenet/caformer.py:s18" in said
    assert "words: s18, s36, m36, b36, s18_384, s36_384, m36_384, b36_384, quick" in said


def test_few_models_are_counted_and_many_are_not():
    header, rows = model_rows("poolformer_s12")
    assert header == ["model", "params", "macs", "input", "what it is"]
    assert rows[0][:4] == ("poolformer_s12", "11.9 M", "1.81 G", "224x224")
    header, rows = model_rows("*")
    assert len(rows) == len(models.list_models(kind=None)) > COUNTED
    assert header == ["model", "what it is"]


def test_published_weights_are_listed(capsys):
    cli.main(["models", "caformer_s18"])
    said = capsys.readouterr().out
    assert "published top-1" in said
    for word in ("caformer_s18.sail_in1k_384", "85.0 %", "apache-2.0", "hub:timm"):
        assert word in said
    rows = {row[0]: row for row in weights_rows("resnet50.a1*")}
    assert list(rows) == ["resnet50.a1_in1k"]
    assert rows["resnet50.a1_in1k"][1] == "80.4 %"
    assert [row[1] for row in weights_rows("caformer_s18.sail_in22k")] == ["-"]
    assert len(weights_rows("caformer*")) == 20


@pytest.mark.parametrize("name", sorted(optim.list_optimizers()))
def test_every_optimizer_is_told_in_full(name):
    info, rows = optim.optimizer_info(name), dict(optimizer_details(name))
    assert rows["paper"] == info.paper
    for field, default in info.hyperparameters.items():
        required = default is inspect.Parameter.empty
        assert rows[f"  {field}"].startswith("required" if required else "= ")


def test_an_unknown_optimizer_is_a_mistake():
    with pytest.raises(UserError, match="did you mean 'adan'"):
        optimizer_details("adann")
