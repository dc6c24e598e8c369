"""Device-side part of augmentation, inside the jitted step: normalise, mixup, cutmix, erasing.

Shapes: B examples (the global batch, or a slice of it), H W the image, C channels, K classes,
N = B / block blocks of `block` neighbours each.

Every draw comes from fold_in(key of the step, index in the global batch), and partners lie in one
block, so a slice of the batch gives the same slice of the result: nothing depends on how the batch
is spread over devices and hosts.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from effjax.errors import UserError

ERASE_TRIES = 10


def normalise(
    images: Array, mean: tuple[float, ...], std: tuple[float, ...], dtype: Any = jnp.float32
) -> Array:
    """uint8 pixels [..., C] -> (pixels / 255 - mean) / std in `dtype`, computed in float32."""
    mean, std = jnp.asarray(mean, jnp.float32), jnp.asarray(std, jnp.float32)
    scale, shift = 1 / (255 * std), mean / std
    last = (1,) * (images.ndim - 1) + (-1,)
    return (images * scale.reshape(last) - shift.reshape(last)).astype(dtype)


def mix_batch(
    key: Array, images: Array, labels: Array, index: Array, config: Any
) -> tuple[Array, Array]:
    """Label smoothing, then mixup or cutmix, then random erasing, as `config` says (`MixConfig`).

    Partners are mirror images inside a block (first with last), as in timm's flipped batch.

    Args:
      key: the key of the step.
      images: [B, H, W, C] float, normalised; B a multiple of `config.block`.
      labels: [B, K] one-hot.
      index: [B] int, each example's place in the global batch; a slice starts at a block's start.

    Returns:
      images [B, H, W, C] and soft labels [B, K] whose rows sum to 1.

    Raises:
      UserError: mixing is on and B is not a multiple of the block.
    """
    labels = smooth_labels(labels, config.label_smoothing)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, index)
    mix_keys, erase_keys = jnp.unstack(jax.vmap(jax.random.split)(keys), axis=1)
    if config.mixup or config.cutmix:
        share, box = draw_mix(mix_keys, images.shape, config)
        images, labels = blend(images, labels, share, box, config.block)
    if config.erase_prob:
        images = jax.vmap(random_erase, (0, 0, None))(erase_keys, images, config)
    return images, labels


def smooth_labels(labels: Array, amount: float) -> Array:
    """(1 - amount) * labels + amount / K."""
    return labels * (1 - amount) + amount / labels.shape[-1]


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
    repeats = config.block if config.per == "block" else 1

    def draw(key: Array) -> tuple[Array, Array]:
        apply_key, switch_key, mixup_key, cutmix_key, box_key = jax.random.split(key, 5)
        applied = jax.random.bernoulli(apply_key, config.prob)
        cut = _use_cutmix(switch_key, config)
        share = jax.random.beta(mixup_key, config.mixup, config.mixup) if config.mixup else 1.0
        share = jnp.where(applied & ~cut, share, 1.0)
        if not config.cutmix:
            return share, jnp.zeros((height, width), bool)
        area = 1 - jax.random.beta(cutmix_key, config.cutmix, config.cutmix)
        return share, cutmix_box(box_key, area, height, width) & applied & cut

    share, box = jax.vmap(draw)(keys[::repeats])
    return jnp.repeat(share, repeats), jnp.repeat(box, repeats, axis=0)


def _use_cutmix(key: Array, config: Any) -> Array:
    if config.mixup and config.cutmix:
        return jax.random.bernoulli(key, config.switch_prob)
    return jnp.asarray(bool(config.cutmix))


def cutmix_box(key: Array, area: Array, height: int, width: int) -> Array:
    """[H, W] bool: a box of the image's shape and the share `area`, its centre uniform, clipped."""
    box_h, box_w = (jnp.floor(side * jnp.sqrt(area)).astype(int) for side in (height, width))
    centre_y, centre_x = jax.random.randint(key, (2,), 0, jnp.array([height, width]))
    return rectangle(centre_y - box_h // 2, centre_x - box_w // 2, box_h, box_w, height, width)


def rectangle(top: Array, left: Array, h: Array, w: Array, height: int, width: int) -> Array:
    """[H, W] bool: true in rows [top, top + h) and columns [left, left + w)."""
    y, x = jnp.arange(height)[:, None], jnp.arange(width)[None, :]
    return ((top <= y) & (y < top + h)) & ((left <= x) & (x < left + w))


def blend(
    images: Array, labels: Array, share: Array, box: Array, block: int
) -> tuple[Array, Array]:
    """Mixes each example with its mirror in the block; labels follow the pixels.

    mixup (Zhang et al., 2018, arXiv:1710.09412), cutmix (Yun et al., 2019, arXiv:1905.04899).
    """
    other_images, other_labels = mirror(images, block), mirror(labels, block)
    pixel_share = share[:, None, None] * (1.0 - box)  # [B, H, W]
    label_share = pixel_share.mean(axis=(1, 2))[:, None]  # for cutmix the true area, after clipping
    pixel_share = pixel_share[..., None].astype(images.dtype)
    mixed = pixel_share * images + (1 - pixel_share) * other_images
    return mixed, label_share * labels + (1 - label_share) * other_labels


def mirror(values: Array, block: int) -> Array:
    """Reverses the order inside each block of the first axis."""
    return values.reshape(-1, block, *values.shape[1:])[:, ::-1].reshape(values.shape)


def random_erase(key: Array, image: Array, config: Any) -> Array:
    """Random Erasing (Zhong et al., 2020, arXiv:1708.04896): a box of noise or of the mean colour.

    Of ten random boxes the first that fits into the image is taken.

    Args:
      key: this example's key.
      image: [H, W, C], normalised.
    """
    height, width, _ = image.shape
    apply_key, area_key, ratio_key, place_key, noise_key = jax.random.split(key, 5)
    low, high = config.erase_area
    area = jax.random.uniform(area_key, (ERASE_TRIES,), minval=low, maxval=high) * height * width
    low, high = (math.log(ratio) for ratio in config.erase_ratio)
    ratio = jnp.exp(jax.random.uniform(ratio_key, (ERASE_TRIES,), minval=low, maxval=high))
    h = jnp.rint(jnp.sqrt(area * ratio)).astype(int)
    w = jnp.rint(jnp.sqrt(area / ratio)).astype(int)
    fits = (h < height) & (w < width)
    first = jnp.argmax(fits)
    h, w = h[first], w[first]
    top, left = jax.random.randint(place_key, (2,), 0, jnp.stack([height - h, width - w]) + 1)
    erased = rectangle(top, left, h, w, height, width)
    erased &= fits[first] & jax.random.bernoulli(apply_key, config.erase_prob)
    filling = jax.random.normal(noise_key, image.shape, image.dtype)
    filling = filling if config.erase_mode == "pixel" else jnp.zeros_like(image)
    return jnp.where(erased[..., None], filling, image)
