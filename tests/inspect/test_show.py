"""`effjax show`: what it says of a config is what the config and XLA say."""

import jax
import numpy as np
import pytest

from effjax import cli
from effjax.config import load
from effjax.inspect.memory import memory_rows
from effjax.inspect.show import config_leaves, learning_rates, parameter_rows
from effjax.runs.schema import RunConfig
from effjax.tasks.run import build
from effjax.training.programs import lower
from tests import mistakes


@pytest.fixture
def world(tmp_path, monkeypatch):
    mistakes.make_world(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EFFJAX_CACHE", "off")


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


def test_the_schedule_is_the_one_that_training_follows(world):
    setup = build(quickstart("--config.total_steps=40", "--config.schedule.warmup_steps=10"))
    steps, rates = learning_rates(setup, 1000)
    np.testing.assert_array_equal(steps, np.arange(40))
    peak = setup.config.optim.default.learning_rate
    np.testing.assert_allclose(rates["default"][[0, 5, 10]], [0.0, peak / 2, peak], rtol=1e-6)


def test_a_duration_is_one_line_with_its_unit(world):
    leaves = config_leaves(quickstart())
    assert leaves["checkpoint.every_steps"] == "2"
    assert leaves["schedule.warmup"] == "-"
    assert not any(key.startswith("total_e") for key in leaves)


def costs(*overrides):
    setup = build(quickstart(*overrides))
    return dict(memory_rows(setup, lower(setup, (), setup.abstract).compile()))


@pytest.mark.slow
def test_memory_is_told_for_several_devices_under_pmap_too(world):
    rows = costs("--config.parallel.devices=4", "--config.parallel.mode=pmap")
    assert list(rows)[-3:] == ["state and batch", "temporaries, gradients included", "whole step"]


def test_fsdp_divides_what_is_divided(world):
    one = costs("--config.parallel.devices=8")
    shared = costs(
        "--config.parallel.devices=8",
        "--config.parallel.fsdp=8",
        "--config.parallel.shard_least=1",
    )
    for part in ("parameters", "optimizer state"):
        assert size(shared[part]) < 0.5 * size(one[part])


def size(text):
    number, unit = text.split()
    return float(number) * {"B": 1, "KiB": 2**10, "MiB": 2**20}[unit]


def test_a_topology_that_is_not_there_is_said(world, capsys):
    with pytest.raises(SystemExit):
        cli.main(["show", "--config=configs/quickstart.py", "--topology=v0:1x1"])
    assert "--topology=v0:1x1: " in capsys.readouterr().err


def test_traffic_is_shown_for_several_devices(world, capsys):
    cli.main(["show", "--config=configs/quickstart.py", "--devices=8"])
    shown = capsys.readouterr().out
    assert "memory of each device, of 8 (cpu), mesh: copies of the state" in shown
    assert "traffic of a step" in shown
    assert "all-reduce over 8" in shown


def test_a_batch_is_shown_with_ranges_and_labels(world, capsys):
    cli.main(["show", "--config=configs/quickstart.py", "--batch"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    image = next(line for line in lines if line[:1] == ["image"])
    assert image[1:6] == ["[8,", "8,", "8,", "3]", "uint8"]
    assert sum(int(line[2]) for line in lines if line[1:2] and line[1].startswith("class_")) == 8
