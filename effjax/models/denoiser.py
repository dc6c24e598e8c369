"""What every denoiser offers, whatever its family: noisy examples, times and labels to a map.

Shapes: B batch, H W space, C channels, K classes, N tokens.
"""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.errors import UserError
from effjax.models.architecture import sides
from effjax.models.blocks.layers import at_least_float32
from effjax.models.network import Network


class Hidden(NamedTuple):
    """Which tokens of each example a masked pass hides.

    Attributes:
      order: [B, N] int, a permutation of the tokens of each example.
      kept: so many of its first ones are seen, in that order.
    """

    order: Array
    kept: int


class Denoiser(Network):
    """x [B, H, W, C], times [B], labels [B] -> [B, H, W, C], twice as many with a variance.

    A family defines `forward(x, told, labels, hidden)`. The label `num_classes` is "no label".
    """

    kind: ClassVar[str] = "denoiser"

    def __call__(
        self,
        x: Array,
        told: Array | None = None,
        labels: Array | None = None,
        hidden: Hidden | None = None,
    ) -> Array:
        """What a process makes of it is the process's affair; float32.

        Args:
          told: [B] times, or [B, 2] where the architecture has `second_time`.
          labels: [B] int; None: "no label" for all.
          hidden: tokens that are not seen, for families that learn with masks.
        """
        if told is None:
            raise UserError(
                f"{type(self).__name__} takes noise away: it wants times beside images\n"
                "train it with --config.task.name=diffusion"
            )
        a = self.architecture
        if x.shape[-1] != a.in_chans:
            raise UserError(
                f"examples have {x.shape[-1]} channels, the model takes in_chans={a.in_chans}: "
                f"set in_chans={x.shape[-1]}"
            )
        if labels is None:
            labels = jnp.full(x.shape[0], self.num_classes)
        if hidden is not None and not self.can_hide():
            raise UserError(
                f"{type(self).__name__} does not learn with masks; give a model such as mdtv2_s_2, "
                "or leave out task.mask_ratio"
            )
        return at_least_float32(self.forward(x.astype(self.dtype), told, labels, hidden))

    @nn.nowrap
    def can_hide(self) -> bool:
        """Whether the family learns with masks."""
        return False

    @nn.nowrap
    def token_count(self, size: tuple[int, int]) -> int:
        """The number of tokens of an example of `size` (H, W)."""
        side = self.architecture.patch_size
        return (size[0] // side) * (size[1] // side)

    @nn.nowrap
    def image_size(self) -> tuple[int, int] | None:
        size = getattr(self.architecture, "image_size", None)
        return None if size is None else sides(size)

    @property
    def labels_known(self) -> int:
        """Rows of a label table: the classes, and "no label"."""
        return self.num_classes + self.architecture.null_label

    @nn.nowrap
    def example_inputs(self, shape: tuple[int, ...]) -> tuple[Any, ...]:
        batch = shape[0]
        times = (batch, 2) if getattr(self.architecture, "second_time", False) else (batch,)
        return (
            jax.ShapeDtypeStruct(shape, jnp.float32),
            jax.ShapeDtypeStruct(times, jnp.float32),
            jax.ShapeDtypeStruct((batch,), jnp.int32),
        )
