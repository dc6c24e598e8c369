"""A number that is not finite is named."""

import math

from effjax.training.evaluation import measure, not_finite


def test_metrics_that_are_not_finite_are_named():
    assert not_finite({"val/loss": 1.0, "val/top1": 0.5}) is None
    warning = not_finite({"val/loss": math.nan, "val/top1": 0.0, "val_ema/loss": math.inf})
    assert warning.startswith("val/loss, val_ema/loss not finite")


class Size:
    """Yields the parameter itself."""

    source = None

    def __call__(self, variables, rng, batches):
        yield "size", variables["params"]


def test_a_dear_evaluation_measures_the_average_alone():
    dear = Size()
    dear.of_one_version = True
    evaluators = {"val": Size(), "samples": dear}
    both = {"": {"params": 1.0}, "_ema": {"params": 2.0}}
    assert measure(both, evaluators, None, None) == {
        "val/size": 1.0,
        "val_ema/size": 2.0,
        "samples/size": 2.0,
    }
    assert measure({"": {"params": 1.0}}, {"samples": dear}, None, None) == {"samples/size": 1.0}
