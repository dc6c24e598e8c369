"""Device-side part of augmentation, inside the jitted step: normalise, mixup, cutmix, smoothing.

Random erasing is in `erase.py`.

Shapes: B examples (the global batch, or a slice of it), H W the image, C channels, K classes,
N = B / block blocks of `block` neighbours each.

Every draw comes from fold_in(key of the step, index in the global batch), and partners lie in one
block, so a slice of the batch gives the same slice of the result: nothing depends on how the batch
is spread over devices and hosts.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from effjax.data.erase import random_erase, rectangle
from effjax.errors import UserError

QUANTILES = 4096  # cells of the table behind `beta_quantile`


def normalise(
    images: Array, mean: tuple[float, ...], std: tuple[float, ...], dtype: Any = jnp.float32
) -> Array:
    """uint8 pixels [..., C] -> (pixels / 255 - mean) / std in `dtype`, computed in float32."""
    mean = jnp.asarray(mean, jnp.float32)
    std = jnp.asarray(std, jnp.float32)
    # one multiplication and one subtraction a pixel
    scale = 1 / (255 * std)
    shift = mean / std
    along_channels = (1,) * (images.ndim - 1) + (-1,)
    scale = scale.reshape(along_channels)
    shift = shift.reshape(along_channels)
    normalised = images * scale - shift
    return normalised.astype(dtype)


def mix_batch(
    key: Array,
    images: Array,
    labels: Array,
    index: Array,
    config: Any,
    mask: Array | None = None,
) -> tuple[Array, Array]:
    """Label smoothing, then mixup or cutmix, then random erasing, as `config` says (`MixConfig`).

    Partners are mirror images inside a block (first with last), as in timm's flipped batch.

    Args:
      key: the key of the step.
      images: [B, H, W, C] float, normalised; B a multiple of `config.block`.
      labels: [B, K] one-hot.
      index: [B] int, each example's place in the global batch; a slice starts at a block's start.
      mask: [B], 0 where there is no image: its partner stays unmixed. None: all are there.

    Returns:
      images [B, H, W, C] and soft labels [B, K] whose rows sum to 1.

    Raises:
      UserError: mixing is on and B is not a multiple of the block.
    """
    labels = smooth_labels(labels, config.label_smoothing)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, index)
    two_keys = jax.vmap(jax.random.split)(keys)
    mix_keys, erase_keys = jnp.unstack(two_keys, axis=1)
    if config.mixup or config.cutmix:
        share, box = draw_mix(mix_keys, images.shape, config)
        if mask is not None:
            share, box = leave_out(share, box, mask, config.block)
        images, labels = blend(images, labels, share, box, config.block)
    if config.erase_prob:
        images = jax.vmap(random_erase, (0, 0, None))(erase_keys, images, config)
    return images, labels


def smooth_labels(labels: Array, amount: float) -> Array:
    """(1 - amount) * labels + amount / K."""
    classes = labels.shape[-1]
    return labels * (1 - amount) + amount / classes


def draw_mix(keys: Array, shape: tuple[int, ...], config: Any) -> tuple[Array, Array]:
    """One draw per block or example: the share of the own image, and the box to take over.

    Args:
      keys: [B] keys, one for each example.
      shape: of the images, (B, H, W, C).

    Returns:
      share [B]: lambda of mixup; box [B, H, W] bool: the pixels that cutmix takes from the partner.
      Either is neutral (share 1, box empty) where it does not apply.
    """
    count, height, width, _ = shape
    if count % config.block:
        raise UserError(
            f"{count} images on a device, expected a multiple of mix.block={config.block}\n"
            "set another data.batch_size, or a mix.block that divides each device's part of it"
        )
    repeats = 1
    if config.per == "block":
        repeats = config.block

    def draw(key: Array) -> tuple[Array, Array]:
        return _draw_one(key, height, width, config)

    # the first example of a block draws for all of it
    first_keys = keys[::repeats]
    share, box = jax.vmap(draw)(first_keys)
    share = jnp.repeat(share, repeats)
    box = jnp.repeat(box, repeats, axis=0)
    return share, box


def _draw_one(key: Array, height: int, width: int, config: Any) -> tuple[Array, Array]:
    """The share of the own image, and the box [H, W] to take over, of one draw."""
    # the number of draws and their order are part of the result
    applied, switch, amount, y, x = jax.random.uniform(key, (5,))
    applied = applied < config.prob
    if config.mixup and config.cutmix:
        cut = switch < config.switch_prob
    else:
        cut = config.cutmix > 0
    share = jnp.ones(())
    if config.mixup:
        is_mixup = applied & jnp.logical_not(cut)
        own_share = beta_quantile(amount, config.mixup)
        share = jnp.where(is_mixup, own_share, 1.0)
    if not config.cutmix:
        no_box = jnp.zeros((height, width), bool)
        return share, no_box
    own_area = beta_quantile(amount, config.cutmix)
    box = cutmix_box(1 - own_area, (y, x), height, width)
    return share, box & applied & cut


def leave_out(share: Array, box: Array, mask: Array, block: int) -> tuple[Array, Array]:
    """`share` [B] and `box` [B, H, W], neutral for pairs of which one is not there (mask 0)."""
    own_there = mask > 0
    both_there = own_there & mirror(own_there, block)
    share = jnp.where(both_there, share, 1.0)
    box = box & both_there[:, None, None]
    return share, box


def beta_quantile(probability: Array, alpha: float) -> Array:
    """The quantile of Beta(alpha, alpha): a uniform draw in, a Beta draw out.

    Read from a table, which compiles in no time; jax.random.beta brings loops of rejection.
    """
    from scipy.special import betaincinv

    probabilities = np.linspace(0, 1, QUANTILES + 1)
    quantiles = betaincinv(alpha, alpha, probabilities)
    table = jnp.asarray(quantiles, jnp.float32)
    place = probability * QUANTILES
    cell = place.astype(int)
    low = table[cell]
    high = table[cell + 1]
    within = place - cell
    return low + within * (high - low)  # linear between two entries


def cutmix_box(area: Array, centre: Sequence[Array], height: int, width: int) -> Array:
    """[H, W] bool: a box of the image's shape and the share `area`, clipped at the image's edge.

    Args:
      area: share of the image, 0 to 1.
      centre: (y, x) of the box's centre, each as a share of the side, 0 to 1.
    """
    side = jnp.sqrt(area)
    h = jnp.floor(height * side)
    w = jnp.floor(width * side)
    centre_y, centre_x = centre
    y = jnp.floor(height * centre_y)
    x = jnp.floor(width * centre_x)
    top = y - h // 2
    left = x - w // 2
    return rectangle(top, left, h, w, height, width)


def blend(
    images: Array, labels: Array, share: Array, box: Array, block: int
) -> tuple[Array, Array]:
    """Mixes each example with its mirror in the block; labels follow the pixels.

    mixup (Zhang et al., 2018, arXiv:1710.09412), cutmix (Yun et al., 2019, arXiv:1905.04899).
    """
    other_images = mirror(images, block)
    other_labels = mirror(labels, block)
    pixel_share = share[:, None, None] * (1.0 - box)  # [B, H, W]
    # for cutmix the area after clipping, not the one that was drawn
    label_share = pixel_share.mean(axis=(1, 2))
    label_share = label_share[:, None]  # [B, 1]
    pixel_share = pixel_share[..., None].astype(images.dtype)  # [B, H, W, 1]
    mixed_images = pixel_share * images + (1 - pixel_share) * other_images
    mixed_labels = label_share * labels + (1 - label_share) * other_labels
    return mixed_images, mixed_labels


def mirror(values: Array, block: int) -> Array:
    """Reverses the order inside each block of the first axis."""
    blocks = values.reshape(-1, block, *values.shape[1:])
    return blocks[:, ::-1].reshape(values.shape)
