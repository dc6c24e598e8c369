"""Which checkpoints of a run are kept."""

import dataclasses
from typing import Any

from effjax.report.metric_names import less_is_better


@dataclasses.dataclass(frozen=True)
class Keep:
    """What is kept when a new checkpoint has been written; the newest always is.

    Attributes:
      last: how many of the newest.
      best: a metric whose best (largest, or smallest for a loss) checkpoint is kept too.
      every_steps: steps at multiples of this.
      step: one step more.
    """

    last: int
    best: str | None
    every_steps: int | None
    step: int | None

    def policy(self, policies: Any) -> Any:
        """As Orbax says it, with its module of policies."""
        keep = [policies.LatestN(max(1, self.last))]
        metric = self.best
        if metric:
            best = policies.BestN(
                get_metric_fn=lambda metrics: metrics[metric],
                reverse=less_is_better(metric),
                n=1,
                keep_checkpoints_without_metrics=False,
            )
            keep.append(best)
        if self.every_steps:
            keep.append(policies.EveryNSteps(self.every_steps))
        if self.step is not None:
            keep.append(policies.CustomSteps([self.step]))
        return policies.AnyPreservationPolicy(keep)
