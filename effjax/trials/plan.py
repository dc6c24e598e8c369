"""What a sweep trains: variants of one config, each with several seeds.

A config file with variants has, beside `get_config(arg=None)`,

    def sweep(arg=None):
        return Sweep(variants={"base": {}, "no decay": {"optim.default.weight_decay": 0.0}})

where the variants are named, or a space (`effjax.sweep.grid`, `halton`, ...) that names them by
what they set. "{seed}" in a text stands for the seed: with "init_from" at "runs/mae/MAE/seed{seed}"
each starts from a run of its own.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from effjax.config import call_config, check, load, set_values
from effjax.errors import UserError, nearest
from effjax.runs.schema import RunConfig
from effjax.trials.space import Point, Space
from effjax.trials.trial import RunTrial

MOST_FOLDS = 20  # whose bounds, as whole percentages, are nearly even
SEED = "{seed}"  # in the text of a variant
LONGEST_FOLDER = 100  # characters; file systems take 255, and Ray adds its own to it


@dataclasses.dataclass(frozen=True)
class Sweep:
    """Variants of a config.

    Attributes:
      variants: {name: {"dotted.key": value}}, or a space of such points.
      seeds: each variant is trained with each of these.
      metric: what is compared, such as "val/top1"; its name says whether less is better.
      base: the variant that the others are compared with; None: the first.
      folds: cross-validation: the training split in so many parts, each held out once, with every
        seed; None: what the config's splits say.
    """

    variants: Mapping[str, Point] | Space
    seeds: Sequence[int] = (0, 1, 2)
    metric: str = "val/top1"
    base: str | None = None
    folds: int | None = None

    def named(self) -> dict[str, Point]:
        """{name: point}."""
        if isinstance(self.variants, Space):
            return {name_of(point): point for point in self.variants}
        return dict(self.variants)


@dataclasses.dataclass(frozen=True)
class Plan:
    """All runs of a sweep, the base first."""

    trials: tuple[RunTrial, ...]
    metric: str
    base: str

    @property
    def variants(self) -> list[str]:
        """Names in order."""
        return list(dict.fromkeys(trial.variant for trial in self.trials))


@dataclasses.dataclass(frozen=True)
class Fold:
    """One part of a split in `count`, which is held out while the others train."""

    number: int  # from 0
    count: int

    def splits(self, split: str) -> tuple[str, str]:
        """("train[20%:40%]", "train[:20%]+train[40%:]"): the part, and the rest.

        Raises:
          UserError: the split is a part already.
        """
        if "[" in split or "+" in split:
            raise UserError(
                f"config.data.train_split = {split!r} cannot be divided into folds\n"
                "give the name of a split, such as train"
            )
        start = _percent(self.number, self.count)
        stop = _percent(self.number + 1, self.count)
        rest = []
        if self.number > 0:
            rest.append(f"{split}[:{start}]")
        if self.number + 1 < self.count:
            rest.append(f"{split}[{stop}:]")
        return f"{split}[{start}:{stop}]", "+".join(rest)


def folds_of(count: int | None) -> Sequence[Fold | None]:
    """The folds of a sweep; [None] where it has none."""
    if count is None:
        return [None]
    return [Fold(number, count) for number in range(count)]


def _percent(part: int, parts: int) -> str:
    """ "40%", rounded to whole percentages: those are what TFDS takes."""
    return f"{round(100 * part / parts)}%"


def name_of(point: Point) -> str:
    """{"optim.default.b1": 0.9, "seed": 1} -> "b1=0.9 seed=1"."""
    words = []
    for key, value in point.items():
        # "optim.default.b1" reads as "b1"
        last_part = key.rpartition(".")[2]
        words.append(f"{last_part}={_short(value)}")
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
    path = spec.partition(":")[0]
    sweep = read_sweep(spec)
    named = sweep.named()
    base = check_variants(path, sweep, named)
    # the base first: a sweep that is interrupted can then be compared
    names = sorted(named, key=lambda name: name != base)
    trials = []
    for name in names:
        point = named[name]
        for seed in sweep.seeds:
            for fold in folds_of(sweep.folds):
                trial = make_trial(spec, overrides, name, point, seed, workdir, fold)
                trials.append(trial)
    return Plan(tuple(trials), sweep.metric, base)


def read_sweep(spec: str) -> Sweep:
    """What `sweep()` of a config file returns.

    Raises:
      UserError: no such function, it returns something else, or its seeds are no seeds.
    """
    path = spec.partition(":")[0]
    sweep = call_config(spec, "sweep")
    if not isinstance(sweep, Sweep):
        kind = type(sweep).__name__
        raise UserError(f"{path}: sweep() returned a {kind}; return a Sweep(...)")
    check_seeds(f"{path}: seeds of sweep()", sweep.seeds)
    if sweep.folds is not None and not 2 <= sweep.folds <= MOST_FOLDS:
        raise UserError(f"{path}: sweep() has folds={sweep.folds}; expected 2 to {MOST_FOLDS}")
    return sweep


def check_seeds(where: str, seeds: Sequence[Any]) -> None:
    """Refuses what could not pair trials.

    Raises:
      UserError: none, one that is no whole number from 0 on, or one that comes twice.
    """
    if not seeds:
        raise UserError(f"{where}: there are none; give at least one, better three: (0, 1, 2)")
    for seed in seeds:
        is_whole = isinstance(seed, int) and not isinstance(seed, bool)
        if not is_whole or seed < 0:
            raise UserError(f"{where}: {seed!r}; expected whole numbers from 0 on")
    if len(set(seeds)) < len(seeds):
        # the second would train nothing new, and count as one more seed in every interval
        raise UserError(f"{where}: {tuple(seeds)} names a seed twice")


def check_variants(path: str, sweep: Sweep, named: Mapping[str, Point]) -> str:
    """Refuses variants that cannot be compared; returns the name of the base.

    Raises:
      UserError: no variants, an unknown base, or two that would share a folder.
    """
    if not named:
        raise UserError(f"{path}: sweep() has no variants")
    base = next(iter(named)) if sweep.base is None else sweep.base
    if base not in named:
        raise UserError(f"{path}: base {base!r} is no variant; {nearest(base, named)}")
    # names that differ in blanks or signs alone are one folder
    folders = {_folder_name(name) for name in named}
    if len(folders) < len(named):
        raise UserError(f"{path}: two variants would share a folder: {', '.join(named)}")
    return base


def make_trial(
    spec: str,
    overrides: Sequence[str],
    name: str,
    point: Point,
    seed: int,
    workdir: Path,
    fold: Fold | None = None,
) -> RunTrial:
    """One run: the config with the point's values.

    Args:
      fold: which part of the training split is held out.

    Raises:
      UserError: a value that the config does not take.
    """
    # loaded anew for each run: a config is changed in place
    config = load(spec, overrides, RunConfig)
    try:
        set_values(config, {**_of_seed(point, seed), "seed": seed}, RunConfig)
    except UserError as error:
        path = spec.partition(":")[0]
        raise UserError(f"{path}, variant {name!r}: {error}") from error
    check(config, RunConfig)
    run_name = f"seed{seed}"
    if fold is not None:
        held_out, rest = fold.splits(config.data.train_split)
        config.data.update(train_split=rest, val_split=held_out)
        run_name += f"-fold{fold.number}"
    return RunTrial(
        variant=name,
        seed=seed,
        fold=None if fold is None else fold.number,
        settings=point,
        config=config,
        workdir=workdir / _folder_name(name) / run_name,
    )


def _of_seed(point: Point, seed: int) -> Point:
    """The point with the seed where its texts say so."""
    found = {}
    for key, value in point.items():
        is_text = isinstance(value, str)
        found[key] = value.replace(SEED, str(seed)) if is_text else value
    return found


def _folder_name(name: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9=.,_+-]+", "-", name).strip("-")
    return plain[:LONGEST_FOLDER] or "variant"


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"  # a folder's name is made of it
    if isinstance(value, list | tuple):
        return ",".join(map(_short, value))
    return str(value)
