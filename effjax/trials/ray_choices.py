"""What Ray Tune asks while it trains: which run is next, and which is stopped early."""

from pathlib import Path
from typing import Any

from effjax.report.metric_names import less_is_better
from effjax.trials.suggest import Suggestions
from effjax.trials.worker import write_trial

SCHEDULERS = ("none", "asha")
ENDLESS = 1 << 40  # steps


def make_scheduler(tune: Any, name: str, metric: str) -> Any:
    """Ray's scheduler of a name of `SCHEDULERS`; None lets every run end."""
    if name == "none":
        return None
    return tune.schedulers.ASHAScheduler(
        time_attr="step",
        metric=metric,
        mode=mode_of(metric),
        # A run ends by itself. Its last step is reported once it has ended, see `ray_worker`.
        max_t=ENDLESS,
        reduction_factor=2,
    )


def mode_of(metric: str) -> str:
    """What Ray calls the better direction."""
    return "min" if less_is_better(metric) else "max"


def make_searcher(suggestions: Suggestions) -> Any:
    """A Ray Tune searcher that asks `suggestions` for the next run."""
    from ray.tune.search import Searcher

    class Folders(Searcher):
        """Ray asks for a trial by an id of its own."""

        def __init__(self) -> None:
            super().__init__(metric=suggestions.metric, mode=mode_of(suggestions.metric))
            self._upcoming = None
            self._numbers: dict[str, int] = {}

        def suggest(self, trial_id: str) -> dict[str, Any] | str:
            # Made at the first call: a generator cannot be pickled, and Ray copies the searcher.
            if self._upcoming is None:
                self._upcoming = suggestions.upcoming()
            trial = next(self._upcoming, None)
            if trial is None:
                return Searcher.FINISHED
            self._numbers[trial_id] = int(trial.variant.split()[0])
            write_trial(trial.config, trial.workdir)
            return {
                "folder": str(trial.workdir.absolute()),
                "metric": suggestions.metric,
                "start_folder": str(Path.cwd()),
            }

        def on_trial_complete(
            self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
        ) -> None:
            value = (result or {}).get(suggestions.metric)
            if value is not None and not error:
                suggestions.report(self._numbers[trial_id], value)

        def save(self, path: str) -> None:
            """Nothing: search.jsonl and the runs' folders hold everything."""

        def restore(self, path: str) -> None:
            """Nothing."""

    return Folders()
