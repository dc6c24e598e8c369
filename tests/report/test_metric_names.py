"""What a metric's name says."""

import math

import pytest

from effjax.report.metric_names import best, is_better, is_held_out, less_is_better


@pytest.mark.parametrize("name", ["val/top1", "val_ema/loss", "test/error"])
def test_held_out(name):
    assert is_held_out(name)


@pytest.mark.parametrize("name", ["train/loss", "optim/lr", "perf/step_ms", "search/a", "step"])
def test_of_the_training(name):
    assert not is_held_out(name)


def test_less_is_better():
    assert less_is_better("val/loss")
    assert less_is_better("val/error")
    assert less_is_better("samples/frechet_caformer_s18")
    assert not less_is_better("val/top1")


def test_nan_is_never_better():
    assert not is_better("val/top1", math.nan, than=0.1)
    assert not is_better("val/loss", math.nan, than=None)
    assert not is_better("val/top1", None, than=None)
    assert is_better("val/top1", 0.1, than=math.nan)
    assert is_better("val/loss", 0.1, than=0.2)
    assert not is_better("val/top1", 0.1, than=0.1)
    assert best("val/loss", [math.nan, 3.0, None, 2.0, math.inf]) == 2.0
    assert best("val/top1", [math.nan]) is None
