"""What a metric's name says: whether it is held out, and whether less of it is better.

Names are "group/metric": "train/loss", "val/top1", "val_ema/loss", "optim/lr", "perf/step_ms".
"""

import math
from collections.abc import Iterable

# groups that describe the training itself, not held-out examples
TRAINING_GROUPS = ("train", "optim", "perf", "search", "layers", "step")
# a metric whose last part ends like this is better when it is smaller
SMALLER_IS_BETTER = ("loss", "error", "mae", "rmse", "nll", "perplexity", "fid", "cosine")
DISTANCES = ("frechet_", "kernel_")  # followed by the network whose features are compared


def is_held_out(name: str) -> bool:
    """Whether a metric is measured on held-out examples."""
    return name.partition("/")[0] not in TRAINING_GROUPS


def less_is_better(name: str) -> bool:
    """Whether a smaller value is the better one, as it is for a loss and an error."""
    metric = name.rpartition("/")[2]
    return name.endswith(SMALLER_IS_BETTER) or metric.startswith(DISTANCES)


def is_better(name: str, value: float | None, than: float | None) -> bool:
    """Whether `value` of a metric beats another one; a value that is not finite beats none."""
    if value is None or not math.isfinite(value):
        return False
    if than is None or not math.isfinite(than):
        return True
    return value < than if less_is_better(name) else value > than


def best(name: str, values: Iterable[float | None]) -> float | None:
    """The best of some values; None if none of them is finite."""
    found = None
    for value in values:
        if is_better(name, value, than=found):
            found = value
    return found
