"""What is kept, as Orbax is told."""

from types import SimpleNamespace

import pytest

from effjax.runs.keeping import Keep


def best_of(get_metric_fn, reverse, n, keep_checkpoints_without_metrics):
    return "best", get_metric_fn({"val/loss": 1, "val/top1": 2}), reverse


POLICIES = SimpleNamespace(
    LatestN=lambda count: ("latest", count),
    BestN=best_of,
    EveryNSteps=lambda steps: ("every", steps),
    CustomSteps=lambda steps: ("steps", steps),
    AnyPreservationPolicy=list,
)


@pytest.mark.parametrize(
    ("keep", "want"),
    [
        (Keep(0, None, None, None), [("latest", 1)]),
        (Keep(2, "val/loss", None, None), [("latest", 2), ("best", 1, True)]),
        (Keep(2, "val/top1", None, None), [("latest", 2), ("best", 2, False)]),
        (Keep(1, None, 10, 0), [("latest", 1), ("every", 10), ("steps", [0])]),
    ],
)
def test_every_rule_keeps_its_own(keep, want):
    assert keep.policy(POLICIES) == want
