"""Which settings of an optimizer are tried on a workload, and with which seeds."""

import hashlib
import inspect
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from effjax import optim
from effjax.config import View
from effjax.errors import UserError
from effjax.trials import space
from effjax.trials.trial import Trial

# declared keys of an entry; all others are hyperparameters of its optimizer
OWN_KEYS = ("name", "learning_rate", "weight_decay", "schedule")
LENGTH = "length"  # among a trial's settings: the run's share of the workload's steps
KINDS = {"log": space.log, "linear": space.linear}


@dataclass(frozen=True, kw_only=True)
class OptimizerTrial(Trial):
    """A training with one setting of an optimizer.

    The variant is the entry's label in the config; the settings are all that `optim.create` gets:
    learning_rate, weight_decay, hyperparameters. The seed is that of the initialisation, of the
    order of examples and of all draws.

    Attributes:
      name: what `optim.create` calls the optimizer.
      number: of the setting in the protocol's list.
      schedule: name of the learning-rate schedule.
    """

    name: str
    number: int
    schedule: str

    @property
    def arguments(self) -> dict[str, Any]:
        """What `optim.create` gets: the settings without the run's length."""
        return {key: value for key, value in self.settings.items() if key != LENGTH}

    def trunk(self) -> "OptimizerTrial":
        """The trial that all lengths of a setting and seed have in common."""
        return replace(self, settings=self.arguments)

    def key(self, problem_hash: str) -> str:
        """Identifies the trial: problem, optimizer, settings and seed, not labels or numbers."""
        # rows on disk are found by this hash: it must never change
        return digest([problem_hash, self.name, dict(self.settings), self.schedule, self.seed])


def digest(value: Any) -> str:
    """A short hash of anything that JSON can hold."""
    text = json.dumps(value, sort_keys=True, default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def make_trials(label: str, entry: View, tuning: View, schedule: str) -> list[OptimizerTrial]:
    """All trials of one optimizer on a workload, seeds of a setting next to one another.

    Raises:
      UserError: an unknown optimizer or hyperparameter.
    """
    trials = []
    for number, settings in enumerate(with_lengths(make_settings(label, entry, tuning), tuning)):
        for seed in tuning.seeds:
            trial = OptimizerTrial(
                variant=label,
                seed=seed,
                settings=settings,
                name=entry.name,
                number=number,
                schedule=entry.schedule or schedule,
            )
            trials.append(trial)
    return trials


def planned_rows(view: View, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those whose setting and seed the config asks for.

    Rows of another tuning, merged or from before the config was changed, would give their
    optimizer more tries than the others have.
    """
    keys: dict[tuple[str, str, str], set[str]] = {}
    planned = []
    for row in rows:
        label = row["optimizer"]
        problem = row["problem_hash"]
        schedule = row["schedule"]
        if label not in view.optimizers:
            continue
        if (label, problem, schedule) not in keys:
            trials = make_trials(label, view.optimizers[label], view.tuning, schedule)
            keys[label, problem, schedule] = {trial.key(problem) for trial in trials}
        if row["key"] in keys[label, problem, schedule]:
            planned.append(row)
    return planned


def make_settings(label: str, entry: View, tuning: View) -> list[dict[str, Any]]:
    """The settings that the protocol gives to one optimizer.

    Raises:
      UserError: an unknown optimizer or hyperparameter.
    """
    hyperparameters = check_optimizer(label, entry)
    base = {
        "learning_rate": entry.learning_rate,
        "weight_decay": entry.weight_decay,
        **entry.extras(*OWN_KEYS),
    }
    # as a row on disk will have it: lists for tuples
    base = json.loads(json.dumps(base))
    if tuning.protocol == "defaults":
        return [base]
    if tuning.protocol == "grid":
        rates = [entry.learning_rate * factor for factor in tuning.factors]
        return [base | {"learning_rate": _rounded(rate)} for rate in rates]
    found = []
    for point in space.halton(_ranges(tuning), tuning.trials, tuning.seed):
        found.append(base | _own_settings(point, entry.learning_rate, hyperparameters))
    return found


def with_lengths(settings: list[dict[str, Any]], tuning: View) -> list[dict[str, Any]]:
    """Each setting at each length, the shortest first: a longer run goes on from its trunk."""
    if not tuning.lengths:
        return settings
    found = []
    for base in settings:
        found += [base | {LENGTH: length} for length in sorted(tuning.lengths)]
    return found


def _ranges(tuning: View) -> dict[str, space.Range]:
    """The space that all optimizers share."""
    ranges = {}
    for key, kind, low, high in tuning.space:
        if kind not in KINDS:
            raise UserError(f"tuning.space: {key} is {kind!r}; expected log or linear")
        ranges[key] = KINDS[kind](low, high)
    return ranges


def _own_settings(
    point: Mapping[str, float], learning_rate: float, hyperparameters: set[str]
) -> dict[str, float]:
    """A point of the shared space as settings of one optimizer; what it does not have is left out.

    "one_minus_b1" 0.1 is b1 = 0.9: keep factors are drawn by their distance from 1.
    """
    found = {}
    for key, value in point.items():
        name = key.removeprefix("one_minus_")
        if key == "learning_rate_factor":
            found["learning_rate"] = _rounded(learning_rate * value)
        elif name in hyperparameters:
            found[name] = _rounded(value if name == key else 1.0 - value)
    return found


def _rounded(value: float) -> float:
    # six digits: the same text, and so the same key, on every machine
    return float(f"{value:.6g}")


def check_optimizer(label: str, entry: View) -> set[str]:
    """The hyperparameters of an entry's optimizer.

    Raises:
      UserError: an unknown optimizer, or a hyperparameter that it does not take.
    """
    try:
        info = optim.optimizer_info(entry.name)
        extras = entry.extras(*OWN_KEYS)
        fields = {"learning_rate", "weight_decay", *info.hyperparameters}
        if info.wraps:
            # a wrapper passes on what its inner optimizer takes
            inner = extras.get("inner", dict(info.fixed).get("inner"))
            fields |= set(optim.optimizer_info(inner).hyperparameters)
        # what has no default and no value yet gets any value: only names are checked here
        required = inspect.Parameter.empty
        missing = {}
        for name, default in info.hyperparameters.items():
            if default is required and name not in entry:
                missing[name] = 1
        optim.create(entry.name, 1e-3, **missing, **extras)
    except (ValueError, TypeError) as error:
        raise UserError(f"config.optimizers.{label}: {error}") from error
    return fields
