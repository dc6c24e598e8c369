"""Quantisation-aware training: the network computes with fewer bits as it learns.

    effjax train --config=F --config.task.name=quantise --config.init_from=runs/x

The parameters stay in float32: what is rounded is made of them at every step. The limits of the
layers' inputs are part of the model state; they are measured before the first update, and again
ten times in a run.
"""

import dataclasses
from pathlib import Path
from typing import Any

import jax
from flax import traverse_util

from effjax.compress.calibrate import calibrate
from effjax.compress.images import first_batches
from effjax.compress.quantised import LIMITS, Bits, quantise
from effjax.compress.quantised_layers import summarise, write_summary
from effjax.config import Clock
from effjax.contract import Source, TrainState, join_variables
from effjax.errors import UserError
from effjax.models import ImageModel
from effjax.ranges import Count
from effjax.tasks.classification import Classification
from effjax.tasks.distillation import Distillation
from effjax.tasks.registry import register_task

CALIBRATIONS = 10  # in a run


@dataclasses.dataclass(frozen=True)
class BitOptions:
    """Keys of `config.task` that say how many bits there are."""

    weight_bits: int = 8  # of kernels: 2 to 8, or 32 for floating point
    activation_bits: int = 8  # of the inputs of layers, likewise
    # (regex over paths of layers, bits of their kernels): the first match counts
    layer_bits: tuple[tuple[str, int], ...] = ()
    batches: Count = 8  # of training images, which the limits of inputs are measured on

    def __post_init__(self) -> None:
        _ = self.bits

    @property
    def bits(self) -> Bits:
        """Refuses what is no number of bits."""
        return Bits(self.weight_bits, self.activation_bits, self.layer_bits)


class FewerBits:
    """What a task on labelled images does otherwise, where layers have fewer bits."""

    def build_model(self) -> ImageModel:
        return quantise(super().build_model(), self.options.bits)

    def between_every(self, clock: Clock) -> int | None:
        return max(1, clock.total_steps // CALIBRATIONS)

    def between(
        self,
        state: TrainState,
        step: int,
        source: Source,
    ) -> Any | None:
        """Measures the limits of what layers take."""
        if jax.process_count() > 1:
            raise UserError(
                "limits are measured on one host: each would see its own images\n"
                "quantise on one host, then start from that run: --config.init_from"
            )
        limits = traverse_util.flatten_dict(state.model_state[LIMITS], sep="/")
        layers = [path.rpartition("/")[0] for path in limits]
        self.options.bits.check_rules(layers)
        images = [images for images, _ in first_batches(self, self.options.batches)]
        variables = join_variables(state.params, state.model_state)
        return {**state.model_state, LIMITS: calibrate(self.model, variables, images)}

    def finish(
        self,
        state: TrainState,
        workdir: Path,
    ) -> None:
        super().finish(state, workdir)
        variables = join_variables(state.params, state.model_state)
        write_summary(summarise(self.model, variables, self.split.image_shape), workdir)


@register_task("quantise", "labelled images, layers that compute with fewer bits")
class Quantise(FewerBits, Classification):
    """Classification by a network of fewer bits."""

    @dataclasses.dataclass(frozen=True)
    class Config(Classification.Config, BitOptions):
        """Keys of `config.task`."""

        def __post_init__(self) -> None:
            BitOptions.__post_init__(self)


@register_task("quantise_distill", "as quantise, and what a trained teacher says of the images")
class QuantiseDistill(FewerBits, Distillation):
    """Distillation into a network of fewer bits, such as from itself before it was quantised."""

    @dataclasses.dataclass(frozen=True)
    class Config(Distillation.Config, BitOptions):
        """Keys of `config.task`."""

        def __post_init__(self) -> None:
            Distillation.Config.__post_init__(self)
            BitOptions.__post_init__(self)
