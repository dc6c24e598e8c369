"""Trials: which settings of an optimizer are tried on a workload, and with which seeds."""

import hashlib
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from effjax import optim
from effjax.config import View
from effjax.errors import UserError
from effjax.trials import space

OWN_KEYS = ("name", "learning_rate", "weight_decay", "schedule")
KINDS = {"log": space.log, "linear": space.linear}


@dataclass(frozen=True)
class Trial:
    """One training run.

    Attributes:
      optimizer: the entry's label in the config.
      name: what `optim.create` calls it.
      number: of the setting in the protocol's list.
      settings: all that `optim.create` gets: learning_rate, weight_decay, hyperparameters.
      schedule: name of the learning-rate schedule.
      seed: of initialisation, order of examples and draws.
    """

    optimizer: str
    name: str
    number: int
    settings: Mapping[str, Any]
    schedule: str
    seed: int

    def key(self, problem_hash: str) -> str:
        """Identifies the trial: problem, optimizer, settings and seed, not labels or numbers."""
        what = [problem_hash, self.name, dict(self.settings), self.schedule, self.seed]
        return digest(what)


def digest(value: Any) -> str:
    """A short hash of anything that JSON can hold."""
    text = json.dumps(value, sort_keys=True, default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def settings_of(label: str, entry: View, tuning: View) -> list[dict[str, Any]]:
    """The settings that the protocol gives to one optimizer.

    Raises:
      UserError: an unknown optimizer or hyperparameter.
    """
    known = _known_fields(label, entry)
    base = {
        "learning_rate": entry.learning_rate,
        "weight_decay": entry.weight_decay,
        **entry.extras(*OWN_KEYS),
    }
    base = json.loads(json.dumps(base))  # what a row will say
    if tuning.protocol == "defaults":
        return [base]
    if tuning.protocol == "grid":
        rates = [entry.learning_rate * factor for factor in tuning.factors]
        return [base | {"learning_rate": float(f"{rate:.6g}")} for rate in rates]
    ranges = {}
    for key, kind, low, high in tuning.space:
        if kind not in KINDS:
            raise UserError(f"tuning.space: {key} is {kind!r}; expected log or linear")
        ranges[key] = KINDS[kind](low, high)
    points = space.halton(ranges, tuning.trials, tuning.seed)
    return [base | _translated(point, entry.learning_rate, known) for point in points]


def _translated(
    point: Mapping[str, float], learning_rate: float, known: set[str]
) -> dict[str, float]:
    """A point of the shared space in the words of one optimizer."""
    found = {}
    for key, value in point.items():
        name = key.removeprefix("one_minus_")
        if key == "learning_rate_factor":
            found["learning_rate"] = learning_rate * value
        elif name in known:
            found[name] = 1.0 - value if name != key else value
    return {name: float(f"{value:.6g}") for name, value in found.items()}


def _known_fields(label: str, entry: View) -> set[str]:
    try:
        info = optim.optimizer_info(entry.name)
        fields = {"learning_rate", "weight_decay", *info.hyperparameters}
        if info.wraps:
            extras = entry.extras(*OWN_KEYS)
            inner = extras.get("inner", dict(info.fixed).get("inner"))
            fields |= set(optim.optimizer_info(inner).hyperparameters)
        missing = [
            name
            for name, default in info.hyperparameters.items()
            if default is inspect.Parameter.empty and name not in entry
        ]
        optim.create(entry.name, 1e-3, **dict.fromkeys(missing, 1), **entry.extras(*OWN_KEYS))
    except (ValueError, TypeError) as error:
        raise UserError(f"config.optimizers.{label}: {error}") from error
    return fields


def make_trials(label: str, entry: View, tuning: View, schedule: str) -> list[Trial]:
    """All trials of one optimizer on a workload, seeds of a setting next to one another."""
    return [
        Trial(label, entry.name, number, settings, entry.schedule or schedule, seed)
        for number, settings in enumerate(settings_of(label, entry, tuning))
        for seed in tuning.seeds
    ]
