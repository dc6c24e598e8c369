"""N-way K-shot accuracy of frozen features, on the same episodes for every run.

Shapes: B batch, N held-out examples, C channels.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import numpy as np

from effjax.config import UNITS, View, read_section
from effjax.contract import Batch, Variables, split_variables
from effjax.data import open_split
from effjax.data.class_names import name_some
from effjax.errors import UserError
from effjax.ranges import Count
from effjax.report.statistics import t_interval
from effjax.tasks.few_shot.prototypes import accuracies
from effjax.tasks.pretraining.evaluators import flat_features, on_host

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


class EpisodeEvaluator:
    """Accuracy with half the width of its 95 % interval over episodes.

    The interval covers episodes, not trainings: two seeds of a run may differ by more.

    Args:
      task: has `model`, `pixels`, `networks`, `handed_on`, `network_variables`.
      config: of the run.
      name: of the section of `config.evals`.

    Raises:
      UserError: a wrong key, or classes that the data does not have.
    """

    def __init__(self, task: Any, config: View, name: str):
        section = config.evals[name]
        self.options = read_section(section, Options, f"evals.{name}.", known=KNOWN)
        self.network = self.options.network or task.handed_on
        if self.network not in task.networks:
            raise UserError(
                f"config.evals.{name}.network = {self.network!r}: task {task.name!r} has "
                f"{', '.join(task.networks)}"
            )
        self._task = task
        self._split_name = section.split or config.data.val_split
        self.source = open_split(
            config.data,
            self._split_name,
            seed=config.seed,
            batch_size=config.data.eval_batch_size or config.data.batch_size,
            host=jax.process_index(),
            hosts=jax.process_count(),
            train=False,
            class_names=self.options.classes or None,
            ignore_unknown=bool(self.options.classes),
        )
        match = self.source.match
        if match is not None and match.missing:
            raise UserError(
                f"config.evals.{name}.classes: the data has no class {name_some(match.missing)}"
            )
        self._encode = jax.jit(self._features)

    def _features(self, variables: Variables, images: jax.Array) -> jax.Array:
        found = self._task.model.apply(variables, self._task.pixels(images), method="features")
        if self.options.layer not in found:
            raise UserError(
                f"the model has no layer {self.options.layer!r}; it has {', '.join(found)}"
            )
        return flat_features(found[self.options.layer])

    def __call__(
        self, variables: Variables, rng: jax.Array, batches: Iterable[Batch]
    ) -> Iterator[tuple[str, float]]:
        """Yields ("5way_1shot", mean) and ("5way_1shot_half_width", half of the interval), ...

        Raises:
          UserError: the data cannot fill an episode.
        """
        params, state = split_variables(variables)
        encoder = self._task.network_variables(params, state, self.network)
        features, labels = [], []
        for batch in batches:
            valid = on_host(batch["mask"]) > 0
            features.append(on_host(self._encode(encoder, batch["image"]))[valid])
            labels.append(on_host(batch["label"])[valid])
        o = self.options
        for shots in o.shots:
            found = accuracies(
                np.concatenate(features),
                np.concatenate(labels),
                self.options.classes or self.source.class_names,
                ways=o.ways,
                shots=shots,
                queries=o.queries,
                episodes=o.episodes,
                seed=o.episode_seed,
            )
            interval = t_interval(found)
            title = f"{o.ways}way_{shots}shot"
            yield title, interval.estimate
            yield f"{title}_half_width", interval.high - interval.estimate
