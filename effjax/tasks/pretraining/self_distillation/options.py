"""The keys of `config.task` for self-distillation."""

import dataclasses
from typing import Literal

from effjax.config import UNSET, Duration
from effjax.errors import UserError
from effjax.ranges import BelowOne, Count, NotNegative, Positive, Share
from effjax.tasks.pretraining.task import Pretraining

Term = Literal["group", "instance", "local_group"]
# keys that belong to one term alone
OWN = {
    "group": ("centring", "pairs"),
    "instance": ("instance_queue",),
    "local_group": ("local_queue", "memory", "neighbours"),
}


@dataclasses.dataclass(frozen=True)
class DistillationConfig(Pretraining.Config):
    """Keys of `config.task`."""

    # what a crop is to agree on: DINO has "group" alone, Mugs all three. They are averaged
    terms: tuple[Term, ...] = ("group",)
    # the mean over all pairs of crops; or half of it over the pairs of large ones, half over those
    # with small ones, as Mugs has it
    pairs: Literal["all", "halves"] = "all"
    # the teacher
    momentum: BelowOne = 0.996  # of its weights, at the start
    momentum_end: Share = 1.0  # at the end, along half a cosine
    temperature: Positive = 0.1  # of the student
    teacher_temperature: Positive = 0.04  # after the warm-up
    teacher_temperature_start: Positive = 0.04
    temperature_warmup: Duration = UNSET  # none set: none
    # how outputs are kept from becoming one: DINO's moving centre, or equal shares in each batch
    centring: Literal["centre", "sinkhorn"] = "centre"
    centre_momentum: BelowOne = 0.9
    # the head of groups
    outputs: Count = 65536
    hidden: Count = 2048
    bottleneck: Count = 256
    held: Duration = UNSET  # how long its last layer stays as it is; none set: one epoch
    # instances and local groups: Mugs
    pair_temperature: Positive = 0.2
    pair_outputs: Count = 256
    predictor_hidden: Count = 4096
    instance_queue: Count = 65536
    local_queue: Count = 65536
    memory: Count = 65536  # in which an image finds its neighbours
    neighbours: Count = 8
    # on request
    patch_weight: NotNegative = 0.0  # iBOT: hidden patches of large crops; 1.0 as published
    patch_ratio: tuple[Share, Share] = (0.1, 0.5)  # share that is hidden, in half of the crops
    koleo_weight: NotNegative = 0.0  # DINOv2: examples keep their distance; 0.1 as published
    clip_each: Positive | None = 3.0  # largest norm of each tensor's gradient; None: no limit

    def __post_init__(self) -> None:
        if not self.terms or len(set(self.terms)) < len(self.terms):
            raise UserError(
                f"config.task.terms = {self.terms}: give each of group, instance, local_group once "
                "at most, and one at least"
            )
        if self.momentum_end < self.momentum:
            raise UserError(
                f"config.task.momentum_end = {self.momentum_end} is below momentum = "
                f"{self.momentum}: a teacher slows down"
            )
        if self.neighbours > self.memory:
            raise UserError(
                f"config.task.neighbours = {self.neighbours} of a memory of {self.memory}: give "
                "fewer"
            )
        low, high = self.patch_ratio
        if low > high:
            raise UserError(f"config.task.patch_ratio = ({low}, {high}): the first is the smaller")
        if self.patch_weight and "group" not in self.terms:
            raise UserError("config.task.patch_weight uses the head of the term 'group'; add it")
        self._refuse_strangers()

    def _refuse_strangers(self) -> None:
        """Keys of a term that is not learned would do nothing."""
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        for term, keys in OWN.items():
            for key in keys:
                if term not in self.terms and getattr(self, key) != defaults[key]:
                    raise UserError(
                        f"config.task.{key} belongs to the term {term!r}, which "
                        f"config.task.terms = {self.terms} leaves out"
                    )
