"""Where the parts of a network stand in its tree of parameters, and how deep each part is.

A depth counts layers from the input: 0 for the stem, i + 1 for block i (counted through all
stages), one more than the last block for what follows it.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax

from effjax.errors import UserError


@dataclasses.dataclass(frozen=True)
class Layout:
    """The names of a family's parts: paths joined by '/', with {stage} and {block} for numbers.

    Attributes:
      stem: what comes before the first block.
      block: one block.
      head: what follows the last block.
      stage: what comes before the first block of a stage. It has the depth of that block; in the
        first stage it belongs to the stem.
      beside_first: what stands beside the first block of a stage, and has its depth.
      first_stage: the number that names call the first stage by.
    """

    stem: tuple[str, ...]
    block: str
    head: tuple[str, ...]
    stage: tuple[str, ...] = ()
    beside_first: tuple[str, ...] = ()
    first_stage: int = 0

    def block_path(self, stage: int, block: int) -> tuple[str, ...]:
        """The path of a block, both numbers counted from 0."""
        name = self.block.format(stage=stage + self.first_stage, block=block)
        return tuple(name.split("/"))

    def part_depths(self, depths: Sequence[int]) -> dict[str, int]:
        """{path of a part: its depth} for a network of `depths` blocks in its stages."""
        found = {}
        below = 0  # blocks of the stages before
        for stage, count in enumerate(depths):
            number = stage + self.first_stage
            for part in self.stage:
                name = part.format(stage=number)
                found[name] = 0 if stage == 0 else below + 1
            for part in self.beside_first:
                found[part.format(stage=number)] = below + 1
            for block in range(count):
                path = "/".join(self.block_path(stage, block))
                found[path] = below + block + 1
            below += count
        found |= dict.fromkeys(self.stem, 0)
        found |= dict.fromkeys(self.head, below + 1)
        return found

    def layer_depths(self, params: Any, depths: Sequence[int], model: str) -> Any:
        """A tree of ints like `params`: the depth of each parameter.

        Raises UserError for a parameter that belongs to no part: a depth is never guessed.
        """
        known = self.part_depths(depths)

        def depth_of(path: tuple, leaf: Any) -> int:
            keys = [entry.key for entry in path]
            for length in range(len(keys), 0, -1):
                part = "/".join(keys[:length])
                if part in known:
                    return known[part]
            raise UserError(
                f"{model} states no depth for its parameter {'/'.join(keys)}:\n"
                "add the part to the layout of its family, or train without layer_decay"
            )

        return jax.tree_util.tree_map_with_path(depth_of, params)


# What MetaFormers have in common, and ConvNeXts with them.
STAGED = Layout(
    stem=("stem",),
    stage=("stages_{stage}/downsample",),
    block="stages_{stage}/blocks_{block}",
    head=("head",),
)
