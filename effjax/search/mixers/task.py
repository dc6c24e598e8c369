"""Searching the token mixers of a MetaFormer as a task: each choice has alphas.

A subclass says how alphas become weights of mixers, and what gradient they get: see
`MixerDartsSearch` and `MixerPrDartsSearch`. The alphas are {path of a choice: [O]}.

Shapes: B batch, O options of a choice, K classes.
"""

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from effjax import models
from effjax.config import View
from effjax.contract import Params
from effjax.errors import UserError
from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.mixers.one_of import CHOICES
from effjax.models.registry import fields_of
from effjax.search.cells.bilevel import MEMORY, BilevelSearch, Weights, noted_alphas
from effjax.search.cells.options import BilevelConfig
from effjax.search.choices import MIXER, Choice, read_path
from effjax.search.mixers.export import export
from effjax.search.mixers.supernet import (
    SKIP,
    SearchedBlock,
    blocks_of,
    mixed_architecture,
    weights_tree,
)
from effjax.search.space import ArchSpace

DROPPING = 1  # folded into a pass's key: its mixing draws by the key itself


@dataclasses.dataclass(frozen=True)
class MixerConfig(BilevelConfig):
    """Keys of `config.task` of all searches of mixers.

    `config.model` is the network whose mixers are chosen; all else of it stays.
    """

    # (path, options), such as (("stages_0.blocks_0.mixer", ("identity", "pooling")),)
    choices: tuple[tuple[str, tuple[str, ...]], ...] = ()


class MixerSearch(BilevelSearch):
    """The part that all searches of mixers share."""

    Config = MixerConfig

    def __init__(self, config: View, batch_axis: str | None = None):
        super().__init__(config, batch_axis)
        if not self.options.choices:
            raise UserError(
                "config.task.choices names no mixers\n"
                'give some, such as (("stages_0.blocks_0.mixer", ("identity", "pooling")),)'
            )
        for path, _ in self.options.choices:
            if read_path(path).field != MIXER:
                raise UserError(f"config.task.choices: {path} is no path of a mixer")

    @functools.cached_property
    def space(self) -> ArchSpace:
        """The choices in the network of the config."""
        choices = [Choice(path, options) for path, options in self.options.choices]
        return ArchSpace(self.config.model.name, choices, **fields_of(self.model.architecture))

    @functools.cached_property
    def blocks(self) -> tuple[SearchedBlock, ...]:
        """The searched blocks, in the order of the network."""
        return blocks_of(self.space, (0,) * len(self.space.choices))

    @functools.cached_property
    def supernet(self) -> models.ImageModel:
        """The network that is searched."""
        architecture = mixed_architecture(self.model.architecture, self.blocks)
        return self.model.clone(architecture=architecture)

    def alpha_shapes(self) -> Mapping[str, tuple[int, ...]]:
        return {block.choice: (len(block.options),) for block in self.blocks}

    def init_network(
        self, key: jax.Array, images: jax.Array, weights: Weights
    ) -> tuple[Params, dict[str, Any]]:
        del weights  # shapes do not depend on them
        variables = dict(self.supernet.init(key, images))
        del variables[CHOICES]
        return variables.pop("params"), variables

    def run_network(
        self,
        network: Params,
        model_state: Mapping[str, Any],
        images: jax.Array,
        weights: Weights,
        examples: Examples,
        key: jax.Array | None,
    ) -> tuple[jax.Array, dict[str, Any]]:
        further = {name: part for name, part in model_state.items() if name != MEMORY}
        variables = {"params": network, **further, **weights_tree(self.blocks, weights)}
        if examples is None:
            return self.supernet.apply(variables, images, train=False), {}
        return self.supernet.apply(
            variables,
            images,
            train=True,
            examples=examples,
            rngs={"dropout": jax.random.fold_in(key, DROPPING)},
            mutable=[name for name in further if name != "constants"],
        )

    def chosen(self, alphas: Mapping[str, Any]) -> dict[str, int]:
        """{choice: the index of its most probable option}."""
        return {name: int(np.argmax(alphas[name])) for name in self.alpha_shapes()}

    def skips_of(self, alphas: Mapping[str, Any]) -> int:
        chosen = self.chosen(alphas)
        return [block.groups[chosen[block.choice]] for block in self.blocks].count(SKIP)

    def write(
        self,
        alphas: Mapping[str, Any],
        memory: Mapping[str, Any],
        stopped: int | None,
        workdir: Path,
    ) -> None:
        noted = [self.chosen(then) for then in noted_alphas(memory)]
        export(self.space, self.blocks, alphas, noted, memory, stopped, workdir)
