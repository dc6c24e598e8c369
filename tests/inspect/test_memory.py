"""What a step costs each device, of devices that are there and of others."""

import pytest

from effjax import cli
from effjax.config import load
from effjax.inspect.memory import memory_rows
from effjax.runs.schema import RunConfig
from effjax.tasks.run import build
from effjax.training.programs import lower


def costs(*overrides):
    setup = build(load("configs/quickstart.py", overrides, RunConfig))
    return dict(memory_rows(setup, lower(setup, (), setup.abstract).compile()))


@pytest.mark.slow
def test_memory_is_told_for_several_devices_under_pmap_too(world):
    rows = costs("--config.parallel.devices=4", "--config.parallel.mode=pmap")
    assert list(rows)[-3:] == ["state and batch", "temporaries, gradients included", "whole step"]


@pytest.mark.slow
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
    # Adan's program is a third of the time
    plain = "--config.optim.default.name=sgd"
    cli.main(["show", "--config=configs/quickstart.py", "--devices=8", plain])
    shown = capsys.readouterr().out
    assert "memory of each device, of 8 (cpu), mesh: copies of the state" in shown
    assert "traffic of a step" in shown
    assert "all-reduce over 8" in shown
