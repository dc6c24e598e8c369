"""A training set held whole by every device: a step is sent which images, and how they are cut.

The pixels are those that the host would have sent, to the bit.

Shapes: B examples, N images of the set, V ways to resize them, H W the image.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.data.images.augment import Draws, TrainTransform
from effjax.errors import UserError

IMAGES = "resident_images"  # uint8 [V, N, H, W, 3]
VIEWS = "views"  # int32 [B, 6]: row, then the fields of Draws


def check_resident(transform: TrainTransform, need: int) -> None:
    """Refuses what cannot be held on, or done by, a device.

    Args:
      need: bytes of the whole set.

    Raises:
      UserError: augmentation other than windows and flips, or too many images.
    """
    augment = transform.augment
    only_on_host = {
        f"crop={augment.crop}": transform.boxes,
        f"randaugment={augment.randaugment}": augment.randaugment,
        f"policy={augment.policy}": augment.policy,
        f"color_jitter={augment.color_jitter}": augment.color_jitter,
    }
    for key, is_used in only_on_host.items():
        if is_used:
            raise UserError(
                f"data.cache=device cuts windows and flips; data.augment.{key} is done by the host"
                "\nset data.cache=memory"
            )
    # a CPU reports no limit
    device = jax.local_devices()[0]
    stats = device.memory_stats() or {}
    room = stats.get("bytes_limit")
    if room is None:
        return
    if need > room / 2:
        raise UserError(
            f"data.cache=device takes {need / 1e9:.1f} GB of every device, over half of its "
            f"{room / 1e9:.1f} GB\nset data.cache=memory, or a smaller data.image_size"
        )


def pack(rows: np.ndarray, draws: Draws) -> np.ndarray:
    """[B, 6] int32 from rows [B] and what was drawn for them."""
    columns = [rows, *draws]
    return np.stack(columns, axis=1).astype(np.int32)


@dataclasses.dataclass(frozen=True)
class Unpack:
    """What was sent, with what is resident -> a batch with images; a pure function.

    It is the part of the input pipeline that a compiled step contains: numbers alone, no loader.

    Attributes:
      pad: of the border from which windows are cut; None: images are taken whole.
    """

    pad: int | None = None

    def __call__(self, batch: Mapping[str, Any]) -> Mapping[str, Any]:
        """`batch` with `image` in the place of `VIEWS` and `IMAGES`; unchanged without these.

        Leading axes (parts of a batch) are kept.
        """
        if IMAGES not in batch:
            return batch
        rest = dict(batch)
        table = rest.pop(IMAGES)
        views = rest.pop(VIEWS)
        *leading, fields = views.shape
        # the order of the fields is that of `pack`
        columns = views.reshape(-1, fields).T
        row, choice, top, left, left_right, upside_down = columns
        images = table[choice, row]  # [B, H, W, 3]
        if self.pad is not None:
            images = _windows(images, top, left, self.pad)
        # as on the host: windows first, then flips
        mirrored = images[:, :, ::-1]
        images = jnp.where(_as_mask(left_right), mirrored, images)
        turned = images[:, ::-1]
        images = jnp.where(_as_mask(upside_down), turned, images)
        images = images.reshape(*leading, *images.shape[1:])
        return {"image": images, **rest}


def _windows(images: jax.Array, top: jax.Array, left: jax.Array, pad: int) -> jax.Array:
    """As `pad_crop` on the host."""
    none = (0, 0)
    border = (pad, pad)
    padded = jnp.pad(images, (none, border, border, none))
    size = images.shape[1:]

    def cut(image: jax.Array, top: jax.Array, left: jax.Array) -> jax.Array:
        return jax.lax.dynamic_slice(image, (top, left, 0), size)

    return jax.vmap(cut)(padded, top, left)


def _as_mask(chosen: jax.Array) -> jax.Array:
    is_chosen = chosen > 0
    return is_chosen[:, None, None, None]
