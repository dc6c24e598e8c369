"""A view of a batch through the encoder and its heads, the student's or the teacher's.

Shapes: B examples of the batch, b of one device, H W space, D features.
"""

import dataclasses
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from effjax.contract import Params, join_variables
from effjax.errors import UserError
from effjax.models.blocks.norms import batch_groups
from effjax.tasks.pretraining.teacher import gather_examples, own_examples, unit


@dataclasses.dataclass(frozen=True)
class Images:
    """Images of one view, with what the layers have to know.

    Attributes:
      pixels: uint8 [b, H, W, 3].
      index: int32 [b], the places in the whole batch.
      mask: [b], 0 where there is no image.
    """

    pixels: Array
    index: Array
    mask: Array

    @property
    def examples(self) -> Array:
        """As layers take them: a negative number marks what counts for no statistic."""
        return jnp.where(self.mask > 0, self.index, -1 - self.index)


@dataclasses.dataclass(frozen=True)
class Encoding:
    """From images to features of unit length.

    Attributes:
      modules: by name, in their order; one that the parameters do not have is left out.
      pixels: uint8 images -> what the first module takes.
      batch_axis: of pmap; None under a mesh.
    """

    modules: Mapping[str, Any]
    pixels: Callable[[Array], Array]
    batch_axis: str | None

    def __call__(
        self, params: Params, state: Any, images: Images, rng: Array, train: bool = True
    ) -> tuple[Array, Any]:
        """Features [b, D], and the new state of the modules."""
        x = self.pixels(images.pixels)
        examples = images.examples if train else None
        used = [name for name in self.modules if name in params]
        changed = {}
        for number, name in enumerate(used):
            # without `train` an image model takes no notice of the examples
            told = {"train": train} if name == "encoder" else {}
            x, new = self.modules[name].apply(
                join_variables(params[name], state[name]),
                x,
                **told,
                examples=examples,
                rngs={"dropout": jax.random.fold_in(rng, number)},
                mutable=[one for one in state[name] if one != "constants"],
            )
            changed[name] = {**state[name], **new}
            x = x.astype(jnp.float32)
        return unit(x), changed

    def shuffled(
        self, teacher: Any, images: Images, rng: Array, shuffle: Array
    ) -> tuple[Array, Any]:
        """Keys [B, D] of the whole batch, and the teacher with its new state.

        They are made in another order than the queries, so that no statistic of batch norm tells
        which examples share it.
        """
        axis = self.batch_axis
        count = len(images.mask)
        whole = [gather_examples(x, axis) for x in (images.pixels, images.index, images.mask)]
        order = jax.random.permutation(shuffle, len(whole[0]))
        mixed = Images(*(own_examples(x[order], count, axis) for x in whole))
        keys, own = self(teacher["params"], teacher, mixed, rng)
        keys = gather_examples(keys, axis)
        back = jnp.argsort(order)
        return keys[back], {**teacher, **own}


def in_groups(groups: int, batch_axis: str | None) -> AbstractContextManager:
    """Batch norm of so many equal parts of the whole batch.

    Raises:
      UserError: pmap gives no device whole groups.
    """
    if batch_axis is None:
        return batch_groups(groups)
    devices = jax.lax.axis_size(batch_axis)
    if groups % devices:
        raise UserError(
            f"config.task.norm_groups = {groups}: pmap gives each of {devices} devices whole "
            f"groups\nset a multiple of {devices}, or parallel.mode=mesh"
        )
    return batch_groups(groups // devices)
