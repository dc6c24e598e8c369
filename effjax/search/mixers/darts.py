"""DARTS on mixers: a block runs the softmax mixture of its options.

https://arxiv.org/abs/1806.09055, on the blocks of a MetaFormer in the place of edges.
"""

import dataclasses

from effjax.search.cells.darts import SoftmaxSearch
from effjax.search.cells.options import SoftmaxConfig
from effjax.search.mixers.task import MixerConfig, MixerSearch
from effjax.tasks.registry import register_task


@dataclasses.dataclass(frozen=True)
class MixerDartsConfig(SoftmaxConfig, MixerConfig):
    """Keys of `config.task` for mixers by DARTS."""


@register_task("mixer_darts", "labelled images, and the mixers of a MetaFormer, by DARTS")
class MixerDartsSearch(SoftmaxSearch, MixerSearch):
    """Keys of `config.task`: `MixerDartsConfig`."""

    Config = MixerDartsConfig
