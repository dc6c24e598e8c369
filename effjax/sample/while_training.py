"""How good samples are at each evaluation of a generator's training.

    config.evals.samples = {"evaluator": "samples", "classifier": "runs/quickstart", ...}

Samples are drawn with the same noise every time, of the average of the weights where there is one.
"""

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import numpy as np

from effjax.config import UNITS, View, as_path, read_section
from effjax.contract import Batch, Variables, join_variables, split_variables
from effjax.errors import UserError
from effjax.ranges import Count, NotNegative, NotNegativeInt
from effjax.report import choose_display
from effjax.runs.best import split_step
from effjax.runs.folder import CONFIG
from effjax.sample import scores
from effjax.sample.generate import Generator
from effjax.sample.judge import Eyes, read_real
from effjax.sample.run import Wanted, chosen_classes, make_request
from effjax.tasks.evaluators import register_sample_evaluator
from effjax.trained.load import from_workdir

KNOWN = ("evaluator", "split", *[f"every_{unit}" for unit in UNITS])


@dataclasses.dataclass(frozen=True)
class Options:
    """Keys of an entry of `config.evals` with evaluator "samples"."""

    classifier: str = ""  # a classification run's folder, whose features count
    count: Count = 30  # samples of each class
    sampler: str | None = None  # None: the process's first
    steps: Count | None = None  # of the sampler; None: the sampler's
    guidance: NotNegative = 1.0
    seed: NotNegativeInt = 0  # of the noise


@register_sample_evaluator("samples", "Frechet and kernel distance of samples, and their classes")
class Samples:
    """Scores of samples by a trained classifier: never FID, and of one number of samples only.

    Args:
      task: one that draws images.
      config: of the run.
      section: of `config.evals`.

    Raises:
      UserError: no such classifier, or samples that cannot be drawn so.
    """

    source = None
    of_one_version = True  # drawing is dear, and it is the average that is used

    def __init__(self, task: Any, config: View, section: View):
        options = read_section(section, Options, "evals.", known=KNOWN)
        if section.split is not None:
            raise UserError(
                "evaluator 'samples' compares with the training images: leave out split"
            )
        if getattr(task.options, "latents", None) is not None:
            raise UserError(
                "evaluator 'samples' looks at images; a run on latents is scored afterwards, by "
                "effjax sample --classifier=D"
            )
        self._task = task
        self._eyes = _open_eyes(options.classifier)
        self._labels = _labels(task, options.count)
        wanted = Wanted(
            sampler=options.sampler,
            steps=options.steps,
            guidance=options.guidance,
            seed=options.seed,
        )
        self._generator = Generator(task, make_request(task, self._labels, wanted))
        # the same all the time: looked at once
        real = read_real(config)
        self._train, _ = self._eyes(real.train)
        self._reference = scores.moments(self._train)

    def __call__(
        self, variables: Variables, rng: jax.Array, batches: Iterable[Batch]
    ) -> Iterator[tuple[str, float]]:
        """Yields frechet_<net>, kernel_<net> and, of samples with labels, accuracy."""
        params, model_state = split_variables(variables)
        drawing = join_variables(*self._task.network_alone(params, model_state))
        features, classes = self._eyes(self._generator(drawing))
        net = self._eyes.trained.base
        yield f"frechet_{net}", scores.frechet(scores.moments(features), self._reference)
        yield f"kernel_{net}", scores.kernel_distance(features, self._train)
        if self._task.model.num_classes and self._eyes.trained.gives == "class":
            yield "accuracy", float((classes == self._labels).mean())


def _open_eyes(classifier: str) -> Eyes:
    """The trained classifier.

    Raises:
      UserError: no run there.
    """
    place, step = split_step(classifier)
    if not classifier or not (as_path(place) / CONFIG).exists():
        raise UserError(
            f"config.evals: samples are scored by the classifier {classifier!r}, where no run is\n"
            "train one, effjax train --config=configs/quickstart.py, and set "
            "config.evals.samples.classifier=runs/quickstart"
        )
    with contextlib.closing(choose_display(quiet=True)) as display:
        return Eyes(from_workdir(as_path(place), display, step))


def _labels(task: Any, count: int) -> np.ndarray:
    """[n]: each class so many times; of a network without classes "no label"."""
    classes = chosen_classes(None, task.split.class_names, task.model.num_classes)
    return np.repeat(np.asarray(classes, np.int32), count)
