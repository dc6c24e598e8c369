"""PR-DARTS on mixers: gates that open on their own, groups that pay, a reward for mixing.

https://arxiv.org/abs/2006.16537, on the blocks of a MetaFormer in the place of edges: `identity` is
the group of skips, poolings are that of pools, and all other mixers are that of convolutions. The
chain goes from block to block, from the first one to the last.

Shapes: N searched blocks, O options of the block that has most.
"""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from effjax.config import View
from effjax.contract import Params
from effjax.errors import UserError
from effjax.search.cells import gates
from effjax.search.cells.options import GateConfig
from effjax.search.cells.pr_darts import GateSearch
from effjax.search.mixers.supernet import MIXING, POOL, SKIP, SearchedBlock
from effjax.search.mixers.task import MixerConfig, MixerSearch
from effjax.tasks.registry import register_task


@dataclasses.dataclass(frozen=True)
class MixerPrDartsConfig(GateConfig, MixerConfig):
    """Keys of `config.task` for mixers by PR-DARTS."""


@register_task("mixer_pr_darts", "labelled images, and the mixers of a MetaFormer, by PR-DARTS")
class MixerPrDartsSearch(GateSearch, MixerSearch):
    """Keys of `config.task`: `MixerPrDartsConfig`."""

    Config = MixerPrDartsConfig

    def __init__(self, config: View, batch_axis: str | None = None):
        super().__init__(config, batch_axis)
        for path, options in self.options.choices:
            if self.options.selected > len(options):
                raise UserError(
                    f"config.task.selected = {self.options.selected}: {path} has "
                    f"{len(options)} options"
                )

    def price(self, alphas: Params, selected: dict[str, jax.Array], tau: jax.Array) -> jax.Array:
        return regulariser(alphas, selected, tau, self.options.penalty(), self.blocks)


def regulariser(
    alphas: gates.Gates,
    selected: gates.Gates,
    tau: jax.Array | float,
    penalty: gates.Penalty,
    blocks: Sequence[SearchedBlock],
) -> jax.Array:
    """What alphas pay for open gates of each group, less the reward of a chain of mixing blocks.

    Means are over the selected options of all blocks. The reward grows with the product over blocks
    of the mean probability of their selected mixing options; a block without one is left out.
    """
    width = max(len(block.options) for block in blocks)
    open_ones = {name: gates.open_probability(alpha, tau) for name, alpha in alphas.items()}
    probability = _rows(open_ones, blocks, width)
    chosen = _rows(selected, blocks, width).astype(probability.dtype)
    members = {}
    for group in (SKIP, POOL, MIXING):
        members[group] = np.zeros((len(blocks), width))
        for row, block in enumerate(blocks):
            members[group][row, : len(block.options)] = [own == group for own in block.groups]
    means = {}
    for group, own in members.items():
        means[group] = gates.mean_of_chosen(probability, chosen * own)
    depth = gates.chain_probability(probability, chosen * members[MIXING])
    return gates.price(means[SKIP], (means[MIXING], means[POOL]), depth, penalty)


def _rows(values: gates.Gates, blocks: Sequence[SearchedBlock], width: int) -> jax.Array:
    """[N, O]: the entries of each block's choice, with zeros behind them."""
    rows = []
    for block in blocks:
        own = values[block.choice]
        rows.append(jnp.pad(own, (0, width - len(own))))
    return jnp.stack(rows)
