"""What a sweep trains: variants of one config, each with several seeds.

A config file with variants has, beside `get_config(arg=None)`,

    def sweep(arg=None):
        return Sweep(variants={"base": {}, "no decay": {"optim.default.weight_decay": 0.0}})

where the variants are named, or a space (`effjax.sweep.grid`, `halton`, ...) that names them by
what is set.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ml_collections

from effjax.config import call_config, check, load, set_values
from effjax.errors import UserError, nearest
from effjax.runs.schema import RunConfig
from effjax.trials.space import Point, Space


@dataclasses.dataclass(frozen=True)
class Sweep:
    """Variants of a config.

    Attributes:
      variants: {name: {"dotted.key": value}}, or a space of such points.
      seeds: each variant is trained with each of these.
      metric: what is compared, such as "val/top1"; less is better for a loss.
      base: the variant that the others are compared with; None: the first.
    """

    variants: Mapping[str, Point] | Space
    seeds: Sequence[int] = (0, 1, 2)
    metric: str = "val/top1"
    base: str | None = None

    def named(self) -> dict[str, Point]:
        """{name: point}."""
        if isinstance(self.variants, Space):
            return {name_of(point): point for point in self.variants}
        return dict(self.variants)


@dataclasses.dataclass(frozen=True)
class SweepTrial:
    """One run: a variant, a seed, its config and folder."""

    variant: str
    seed: int
    point: Point
    config: ml_collections.ConfigDict
    workdir: Path


@dataclasses.dataclass(frozen=True)
class Plan:
    """All runs of a sweep, the base first."""

    trials: tuple[SweepTrial, ...]
    metric: str
    base: str

    @property
    def variants(self) -> list[str]:
        """Names in order."""
        return list(dict.fromkeys(trial.variant for trial in self.trials))


def name_of(point: Point) -> str:
    """{"optim.default.b1": 0.9, "seed": 1} -> "b1=0.9 seed=1"."""
    words = (f"{key.rpartition('.')[2]}={_short(value)}" for key, value in point.items())
    return " ".join(words) or "as it is"


def make_plan(spec: str, overrides: Sequence[str], workdir: Path) -> Plan:
    """Reads a config file with variants and makes the config of every run.

    Args:
      spec: `path.py[:arg]`; the arg goes to `get_config` and to `sweep`.
      overrides: `--config.key=value`, for all variants.
      workdir: runs go to `workdir/<variant>/seed<n>`.

    Raises:
      UserError: anything in the file that cannot be done, before anything is trained.
    """
    sweep, path = read_sweep(spec), spec.partition(":")[0]
    named = sweep.named()
    if not named or not sweep.seeds:
        raise UserError(f"{path}: sweep() has no {'seeds' if named else 'variants'}")
    base = next(iter(named)) if sweep.base is None else sweep.base
    if base not in named:
        raise UserError(f"{path}: base {base!r} is no variant; {nearest(base, named)}")
    if len({_slug(name) for name in named}) < len(named):
        raise UserError(f"{path}: two variants would share a folder: {', '.join(named)}")
    trials = []
    for name in sorted(named, key=lambda name: name != base):
        for seed in sweep.seeds:
            trials.append(make_trial(spec, overrides, name, named[name], seed, workdir))
    return Plan(tuple(trials), sweep.metric, base)


def read_sweep(spec: str) -> Sweep:
    """What `sweep()` of a config file returns.

    Raises:
      UserError: no such function, or it returns something else.
    """
    sweep = call_config(spec, "sweep")
    if not isinstance(sweep, Sweep):
        path, kind = spec.partition(":")[0], type(sweep).__name__
        raise UserError(f"{path}: sweep() returned a {kind}; return a Sweep(...)")
    return sweep


def make_trial(
    spec: str, overrides: Sequence[str], name: str, point: Point, seed: int, workdir: Path
) -> SweepTrial:
    """One run: the config with the point's values.

    Raises:
      UserError: a value that the config does not take.
    """
    config = load(spec, overrides, RunConfig)
    try:
        set_values(config, {**point, "seed": seed}, RunConfig)
    except UserError as error:
        raise UserError(f"{spec.partition(':')[0]}, variant {name!r}: {error}") from error
    check(config, RunConfig)
    return SweepTrial(name, seed, point, config, workdir / _slug(name) / f"seed{seed}")


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9=.,_+-]+", "-", name).strip("-")[:100] or "variant"


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return ",".join(map(_short, value))
    return str(value)
