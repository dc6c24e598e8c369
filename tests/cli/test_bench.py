"""What the verbs for many runs pass on: folders of their own, lists of names."""

from pathlib import Path

import pytest

import effjax.bench
import effjax.startup
import effjax.sweep
from effjax import cli


@pytest.fixture
def passed(monkeypatch):
    """What `bench` or `sweep` was called with."""
    calls = []
    for module, name in ((effjax.bench, "bench"), (effjax.sweep, "sweep")):
        monkeypatch.setattr(module, name, lambda *args, **named: calls.append((args, named)))
    monkeypatch.setattr(effjax.startup, "split_cpu", lambda: None)
    return calls


def test_bench_has_a_folder_of_its_own_and_parts_the_names(passed):
    cli.main(["bench", "--config=configs/bench/smoke.py", "--only=adan,sgd", "--baseline=rows"])
    ((config, workdir), named) = passed.pop()
    assert workdir == Path("runs/bench-smoke")
    assert named["only"] == ["adan", "sgd"]
    assert config.baselines[-1] == "rows"


def test_sweep_has_a_folder_of_its_own(passed):
    cli.main(["sweep", "--config=configs/ablations/mixers.py:quick", "--config.seed=1"])
    ((spec, workdir), named) = passed.pop()
    assert spec == "configs/ablations/mixers.py:quick"
    assert workdir == Path("runs/sweep-mixers-quick")
    assert named["overrides"] == ["--config.seed=1"]
