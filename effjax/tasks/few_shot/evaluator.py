"""N-way K-shot accuracy of frozen features, on the same episodes for every run.

Shapes: N held-out examples, C channels.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from effjax.config import UNITS, View, read_section
from effjax.contract import Batch, Variables
from effjax.data import open_split
from effjax.data.class_names import name_some
from effjax.errors import UserError
from effjax.ranges import Count
from effjax.report.statistics import t_interval
from effjax.tasks.few_shot.prototypes import accuracies
from effjax.tasks.pretraining.encodings import BASELINES, OWN, Encodings, encoded

NAME = "episodes"
KNOWN = ("evaluator", "split", *[f"every_{unit}" for unit in UNITS])


@dataclasses.dataclass(frozen=True)
class Options:
    """Keys of a section of `config.evals` beside `evaluator`, `split` and `every_*`."""

    network: str | None = None  # "student" or "teacher"; None: the one that the task hands on
    layer: str = "prelogits"  # maps and tokens are averaged
    classes: tuple[str, ...] = ()  # names of those that episodes are drawn from; (): all
    ways: Count = 5
    shots: tuple[Count, ...] = (1, 5)
    queries: Count = 15  # of each class
    episodes: Count = 600
    episode_seed: int = 0  # runs that are compared have the same, whatever their own seed
    baselines: bool = True  # the same for an untrained network and for raw pixels


class EpisodeEvaluator:
    """Accuracy with half the width of its 95 % interval over episodes.

    The interval covers episodes, not trainings: two seeds of a run may differ by more.

    Args:
      task: see `Encodings`.
      config: of the run.
      name: of the section of `config.evals`.

    Raises:
      UserError: a wrong key, or classes that the data does not have.
    """

    def __init__(self, task: Any, config: View, name: str):
        section = config.evals[name]
        options = read_section(section, Options, f"evals.{name}.", known=KNOWN)
        self.options = options
        self._encodings = Encodings(task, name, options.network, options.layer, config.seed)
        self.source = open_split(
            config.data,
            section.split or config.data.val_split,
            seed=config.seed,
            batch_size=config.data.eval_batch_size or config.data.batch_size,
            host=jax.process_index(),
            hosts=jax.process_count(),
            train=False,
            class_names=options.classes or None,
            ignore_unknown=bool(options.classes),
        )
        match = self.source.match
        if match is not None and match.missing:
            raise UserError(
                f"config.evals.{name}.classes: the data has no class {name_some(match.missing)}"
            )
        self._baselines: dict[str, float] | None = None  # the same all the time

    def __call__(
        self, variables: Variables, rng: jax.Array, batches: Iterable[Batch]
    ) -> Iterator[tuple[str, float]]:
        """Yields ("5way_1shot", mean) and ("5way_1shot_half_width", half of the interval), ...

        Raises:
          UserError: the data cannot fill an episode.
        """
        wants_baselines = self.options.baselines and self._baselines is None
        ways = self._encodings.ways(variables, wants_baselines)
        features, parts = encoded(ways, batches)
        labels = np.concatenate(parts)
        if wants_baselines:
            self._baselines = {}
            for prefix in BASELINES:
                self._baselines |= self._scores(features[prefix], labels, prefix)
        yield from self._scores(features[OWN], labels, OWN).items()
        if self._baselines is not None:
            yield from self._baselines.items()

    def _scores(
        self, parts: Sequence[np.ndarray], labels: np.ndarray, prefix: str
    ) -> dict[str, float]:
        """{"5way_1shot": mean, "5way_1shot_half_width": half of the interval}, with a prefix."""
        options = self.options
        features = np.concatenate(parts)
        scores = {}
        for shots in options.shots:
            found = accuracies(
                features,
                labels,
                options.classes or self.source.class_names,
                ways=options.ways,
                shots=shots,
                queries=options.queries,
                episodes=options.episodes,
                seed=options.episode_seed,
            )
            interval = t_interval(found)
            title = f"{prefix}{options.ways}way_{shots}shot"
            scores[title] = interval.estimate
            scores[f"{title}_half_width"] = interval.high - interval.estimate
        return scores
