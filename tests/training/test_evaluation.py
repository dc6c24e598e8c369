"""A number that is not finite is named."""

import math

from effjax.training.evaluation import not_finite


def test_metrics_that_are_not_finite_are_named():
    assert not_finite({"val/loss": 1.0, "val/top1": 0.5}) is None
    warning = not_finite({"val/loss": math.nan, "val/top1": 0.0, "val_ema/loss": math.inf})
    assert warning.startswith("val/loss, val_ema/loss not finite")
