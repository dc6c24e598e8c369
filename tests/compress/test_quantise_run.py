"""A trained network in fewer bits, as a run."""

from pathlib import Path

import pytest

from effjax.compress.quantise_run import quantise_run, read_wanted
from effjax.compress.quantised import Bits
from effjax.compress.quantised_layers import read_summary
from effjax.errors import UserError
from effjax.evaluate.workdir import evaluate_workdir
from effjax.report import choose_display
from effjax.tasks.run import train
from tests.compress.test_task import config_of as under_masks

pytest.importorskip("qwix", reason="pip install 'effjax[quantise]'")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """With a moving average, which is what is quantised."""
    workdir = tmp_path_factory.mktemp("float") / "run"
    config = under_masks()
    for key in ("method", "density"):
        del config.task[key]
    config.task.name = "classification"
    config.total_steps = 2
    train(config, workdir, display=choose_display(quiet=True))
    return workdir


@pytest.mark.slow
def test_the_new_run_is_evaluated_as_any_other(run, tmp_path):
    out = tmp_path / "q"
    display = choose_display(quiet=True)
    metrics = quantise_run(run, out, read_wanted("8"), display)
    found = evaluate_workdir(out)
    assert found["val/loss"] == pytest.approx(metrics["val/loss"], rel=1e-6)
    # nearly what the average gives in floating point
    expected = evaluate_workdir(run)["val_ema/loss"]
    assert found["val/loss"] == pytest.approx(expected, rel=0.05)
    with pytest.raises(UserError, match="holds a run already"):
        quantise_run(run, out, read_wanted("8"), display)


@pytest.mark.slow
def test_bits_are_chosen_within_a_budget(run, tmp_path):
    wanted = read_wanted("2,8", 8, "conv1=8", "size:0.36x")
    quantise_run(run, tmp_path / "q", wanted, choose_display(quiet=True))
    summary = read_summary(tmp_path / "q")
    assert summary["bytes"] <= 0.36 * summary["float_bytes"]
    bits = {path: layer["weight_bits"] for path, layer in summary["layers"].items()}
    assert set(bits.values()) <= {2, 8}
    assert bits["conv1"] == 8


def test_flags_become_bits():
    wanted = read_wanted("4", 8, "stem|head=8,norm=32")
    assert wanted.bits == Bits(4, 8, (("stem|head", 8), ("norm", 32)))
    assert wanted.budget is None
    assert read_wanted("8,4", budget="size:0.2x").choices == (4, 8)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("eight",), "expected a number such as 8, or several"),
        (("9",), "--bits = 9: expected 2 to 8, or 32"),
        (("4,8",), "--budget chooses among several bits"),
        (("4", 8, None, "size:0.2x"), "--budget chooses among several bits"),
        (("4", 8, "stem"), "--layer-bits=stem: expected REGEX=BITS"),
        (("4,8", 8, None, "macs:0.5x"), "bits have another unit"),
        (("4,8", 8, None, "latency:3 ms"), "needs --latency-table=FILE"),
        (("4,8", 8, None, "size:0.2x", Path("t.json")), "is for --budget=latency"),
        (("8", 8, None, None, Path("t.json")), "is for --budget=latency"),
    ],
)
def test_what_is_no_wish_is_refused(flags, says):
    with pytest.raises(UserError, match=says):
        read_wanted(*flags)
