"""Variants that Optuna chooses as it goes, from what it has seen of the metric so far.

The ranges are those of the space that `sweep()` drew its variants from; as many are chosen as it
drew. Optuna sees a number in [0, 1] for each key, so ranges of any kind are alike to it. What was
chosen is a line of WORKDIR/search.jsonl: the same command goes on where it was.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from effjax.errors import UserError
from effjax.runs.folder import read_summary
from effjax.runs.summary import is_loss
from effjax.trials.plan import Plan, SweepTrial, name_of
from effjax.trials.space import Point, Space, point_at
from effjax.trials.worker import is_over, write_trial

CHOSEN = "search.jsonl"
SEARCHES = ("none", "optuna")


class Suggestions:
    """What Optuna has chosen for one sweep.

    Args:
      space: drawn from ranges, by `halton` or `random`.
      base: what is trained whatever Optuna chooses.
      make: (name, point) -> the run of that variant.
      workdir: of the sweep.

    Raises:
      UserError: the space has no ranges to choose from.
    """

    def __init__(
        self, space: Any, base: Plan, make: Callable[[str, Point], SweepTrial], workdir: Path
    ):
        if not isinstance(space, Space) or not space.ranges:
            raise UserError(
                "--search=optuna chooses from ranges, and sweep() names its variants\n"
                "return Sweep(halton({'optim.default.learning_rate': log(1e-4, 1e-1)}, 16))"
            )
        self.ranges, self.count, self.metric = space.ranges, len(space), base.metric
        self._base, self._make, self._path = base, make, workdir / CHOSEN

    @property
    def chosen(self) -> list[list[float]]:
        """A number in [0, 1] for each range; read again, as Ray may work with a copy of this."""
        if not self._path.exists():
            return []
        lines = self._path.read_text().split("\n")[:-1]
        return [json.loads(line)["at"] for line in lines if line]

    def trial(self, number: int) -> SweepTrial:
        """The run of what was chosen as number `number`."""
        point = point_at(self.ranges, [min(u, 1 - 2**-32) for u in self.chosen[number]])
        return self._make(f"{number:02d} {name_of(point)}", point)

    def plan(self) -> Plan:
        """The base and all that was chosen so far."""
        trials = [self.trial(number) for number in range(len(self.chosen))]
        return Plan((*self._base.trials, *trials), self.metric, self._base.base)

    def searcher(self) -> Any:
        """A Ray Tune searcher whose trials are folders of runs."""
        try:
            import optuna
            from ray.tune.search import Searcher
            from ray.tune.search.optuna import OptunaSearch
        except ImportError as error:
            raise UserError(f"--search=optuna: {error}\npip install 'effjax[sweep]'") from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        mode = mode_of(self.metric)
        keys = list(self.ranges)
        seen = [n for n in range(len(self.chosen)) if self._value(n) is not None]
        inner = OptunaSearch(
            space={key: optuna.distributions.FloatDistribution(0.0, 1.0) for key in keys},
            metric=self.metric,
            mode=mode,
            seed=0,
            points_to_evaluate=[dict(zip(keys, self.chosen[n])) for n in seen] or None,
            evaluated_rewards=[self._value(n) for n in seen] or None,
        )
        waiting = [n for n in range(len(self.chosen)) if not is_over(self.trial(n).workdir)]
        return _make_searcher(Searcher, inner, self, mode, waiting)

    def left(self) -> int:
        """How many are to be trained: not chosen yet, or chosen and not over."""
        over = sum(is_over(self.trial(n).workdir) for n in range(len(self.chosen)))
        return max(0, self.count - over)

    def add(self, at: Mapping[str, float]) -> SweepTrial:
        """The run of a new choice, which is written down first."""
        row = [at[key] for key in self.ranges]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            file.write(json.dumps({"at": row}) + "\n")
        return self.trial(len(self.chosen) - 1)

    def _value(self, number: int) -> float | None:
        summary = read_summary(self.trial(number).workdir) or {}
        return summary.get("final", {}).get(self.metric)


def mode_of(metric: str) -> str:
    """What Ray and Optuna call the better direction."""
    return "min" if is_loss(metric) else "max"


def _make_searcher(
    base: type, inner: Any, suggestions: Suggestions, mode: str, waiting: list[int]
) -> Any:
    """Optuna's choices as folders; what was chosen in an earlier run and is not over comes first.

    A choice of an earlier run is no trial of this study, which is told nothing of it.
    """
    asked = set()

    class Folders(base):
        def suggest(self, trial_id: str) -> dict[str, Any] | None:
            if waiting:
                trial = suggestions.trial(waiting.pop(0))
            else:
                at = inner.suggest(trial_id)
                if at is None:
                    return None
                asked.add(trial_id)
                trial = suggestions.add(at)
            write_trial(trial.config, trial.workdir)
            return {"folder": str(trial.workdir.absolute()), "metric": suggestions.metric}

        def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
            if trial_id in asked:
                inner.on_trial_result(trial_id, result)

        def on_trial_complete(
            self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
        ) -> None:
            if trial_id in asked:
                inner.on_trial_complete(trial_id, result=result, error=error)

        def save(self, path: str) -> None:
            inner.save(path)

        def restore(self, path: str) -> None:
            inner.restore(path)

    return Folders(metric=suggestions.metric, mode=mode)
