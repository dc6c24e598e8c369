"""A trial: one variant of something, trained with one seed.

`Trial` is what sweeps, optimizer benchmarks and searches have in common. `RunTrial` is a trial that
trains an ordinary run in a folder of its own, and is what the runners take.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_collections


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """One training.

    Attributes:
      variant: the row of the table that it belongs to.
      seed: trials of other variants with the same seed are its partners in paired comparisons.
      settings: what the variant sets: keys of a config, or arguments of an optimizer.
      fold: in cross-validation: which part of the data is held out, from 0. Partners share it too.
    """

    variant: str
    seed: int
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    fold: int | None = None

    @property
    def repetition(self) -> int | tuple[int, int]:
        """What partners have in common: the seed, or (seed, fold)."""
        return self.seed if self.fold is None else (self.seed, self.fold)

    @property
    def seed_and_fold(self) -> str:
        """The repetition in words: "0", or "0 fold 2"."""
        return f"{self.seed}" if self.fold is None else f"{self.seed} fold {self.fold}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunTrial(Trial):
    """A trial that is an ordinary run.

    Attributes:
      config: of `effjax train`, with the settings and the seed in it.
      workdir: the run's folder.
    """

    config: ml_collections.ConfigDict
    # where the run's checkpoints, metrics and summary are; it exists once the run has begun
    workdir: Path
