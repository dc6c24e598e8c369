"""`effjax show`: what it says of a config is what the config and XLA say."""

import jax

from effjax import cli
from effjax.config import load
from effjax.inspect.show import config_leaves, optimizer_rows, parameter_rows
from effjax.runs.schema import RunConfig
from effjax.tasks.run import build


def quickstart(*overrides: str):
    return load("configs/quickstart.py", overrides, RunConfig)


def test_all_parts_are_shown_and_changed_keys_are_marked(world, tmp_path, capsys):
    cli.main(["show", "--config=configs/quickstart.py", "--config.seed=7", "--plot=rates.png"])
    shown = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "* seed 7" in lines
    assert "accumulate 1" in lines
    assert "* total_steps 4" in lines
    for title in ("parameters", "optimizers", "learning rate of default: cosine", "run"):
        assert title in lines
    assert any(line.startswith("temporaries, gradients included ") for line in lines)
    assert max(map(len, shown.splitlines())) <= 100
    assert (tmp_path / "rates.png").read_bytes().startswith(b"\x89PNG")


def test_parameters_add_up_and_say_what_decays(world):
    setup = build(quickstart("--config.optim.default.weight_decay=0.1"))
    *rows, total = parameter_rows(setup)
    count = sum(leaf.size for leaf in jax.tree.leaves(setup.abstract.params))
    assert sum(int(row[1].replace(",", "")) for row in rows) == count
    assert total[1] == f"{count:,}"
    decays = {row[0]: row[4] for row in rows}
    assert decays["head/norm"] == "none"  # scales and biases
    assert decays["head/fc"].endswith("%")  # its kernel, not its bias
    without = build(quickstart())
    assert {row[4] for row in parameter_rows(without)} == {"none"}


def test_only_what_was_set_is_told_of_an_optimizer(world):
    ((group, words, _, _),) = optimizer_rows(build(quickstart()))
    assert (group, words) == ("default", "adan")
    changes = ("--config.optim.default.layer_decay=0.9", "--config.optim.default.b1=0.95")
    ((_, words, _, _),) = optimizer_rows(build(quickstart(*changes)))
    assert words == "adan, b1=0.95, layer_decay=0.9"


def test_a_duration_is_one_line_with_its_unit(world):
    leaves = config_leaves(quickstart())
    assert leaves["checkpoint.every_steps"] == "2"
    assert leaves["schedule.warmup"] == "-"
    assert not any(key.startswith("total_e") for key in leaves)


def test_a_batch_is_shown_with_ranges_and_labels(world, capsys):
    cli.main(["show", "--config=configs/quickstart.py", "--batch"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    image = next(line for line in lines if line[:1] == ["image"])
    assert image[1:6] == ["[8,", "8,", "8,", "3]", "uint8"]
    assert sum(int(line[2]) for line in lines if line[1:2] and line[1].startswith("class_")) == 8
