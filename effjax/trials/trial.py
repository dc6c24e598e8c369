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
    """

    variant: str
    seed: int
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)


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
