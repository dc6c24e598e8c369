"""Which pixels a network's answer rests on: Grad-CAM, and the gradient of the input.

Shapes: B batch, H W the image, h w a map, N tokens, C channels, K classes.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from effjax.errors import UserError, nearest
from effjax.models import ImageModel
from effjax.models.families.vit import PREFIX
from effjax.trained.network import Trained

# (variables, uint8 [B, H, W, 3]) -> (probabilities [B, K], heat float32 [B, H, W], 0 to 1)
Explain = Callable[[Any, jax.Array], tuple[jax.Array, jax.Array]]
Heat = Callable[[Trained, Any, jax.Array, jax.Array], jax.Array]
LEAST = 1e-12  # a heat that is zero everywhere stays zero


def gradient_heat(
    trained: Trained, variables: Any, images: jax.Array, classes: jax.Array
) -> jax.Array:
    """[B, H, W]: the largest |d logit / d pixel| of the three colours.

    Simonyan, Vedaldi and Zisserman 2014, https://arxiv.org/abs/1312.6034.

    Args:
      images: [B, H, W, 3], 0 to 255.
      classes: int [B], whose logit it is.
    """

    def score(pixels: jax.Array) -> jax.Array:
        return _chosen(trained.logits(variables, pixels), classes)

    gradient = jax.grad(score)(images.astype(jnp.float32))
    return jnp.abs(gradient).max(-1)


def grad_cam_heat(
    trained: Trained, variables: Any, images: jax.Array, classes: jax.Array
) -> jax.Array:
    """[B, H, W]: relu(sum_c a_c A_c), with a_c the mean over the map of d logit / d A_c.

    A is what the last block gives, enlarged to the image. In a transformer with a class token it is
    what the block before gives, for nothing depends on the tokens of the last one. Selvaraju et al.
    2017, https://arxiv.org/abs/1610.02391.
    """
    model = trained.model
    path = _explained_block(model)
    pixels = trained.normalised(images.astype(jnp.float32))

    def is_it(module: nn.Module, method: str) -> bool:
        return module.path == path and method == "__call__"

    _, kept = model.apply(
        variables, pixels, train=False, capture_intermediates=is_it, mutable=["intermediates"]
    )
    (maps,) = functools.reduce(lambda tree, name: tree[name], path, kept["intermediates"])[
        "__call__"
    ]

    def score(change: jax.Array) -> jax.Array:
        def add(call: Callable, args: tuple, kwargs: dict, context: Any) -> Any:
            out = call(*args, **kwargs)
            return out + change if is_it(context.module, context.method_name) else out

        with nn.intercept_methods(add):
            logits = model.apply(variables, pixels, train=False)
        return _chosen(logits, classes)

    # the gradient of what is added to a map is that of the map
    gradient = jax.grad(score)(jnp.zeros_like(maps))
    maps, gradient = _as_map(model, maps), _as_map(model, gradient)
    importance = gradient.mean((1, 2), keepdims=True)  # [B, 1, 1, C]
    heat = jax.nn.relu((importance * maps).sum(-1))  # [B, h, w]
    return jax.image.resize(heat, (len(heat), *images.shape[1:3]), "bilinear")


HEATS: dict[str, Heat] = {"gradcam": grad_cam_heat, "gradient": gradient_heat}


def explained(trained: Trained, kind: str) -> Explain:
    """Compiled: the probabilities of images, and the heat of the likeliest class of each.

    Raises:
      UserError: an unknown kind, a network of numbers, or one that does not say where its blocks
        are.
    """
    if kind not in HEATS:
        raise UserError(f"--explain={kind}: {nearest(kind, HEATS)}")
    if trained.gives in ("numbers", "features"):
        raise UserError(
            f"--explain is for classes and labels; {trained.name} gives {trained.gives}"
        )
    if kind == "gradcam":
        _explained_block(trained.model)  # refused before anything is compiled

    @jax.jit
    def explain(variables: Any, images: jax.Array) -> tuple[jax.Array, jax.Array]:
        shares = trained.meaning.answers(trained.logits(variables, images))
        heat = HEATS[kind](trained, variables, images, shares.argmax(-1))
        heat = heat.astype(jnp.float32)
        largest = heat.max((1, 2), keepdims=True)
        return shares, heat / jnp.maximum(largest, LEAST)

    return explain


def _chosen(logits: jax.Array, classes: jax.Array) -> jax.Array:
    """The sum over the batch of each image's logit of its class: images do not mix."""
    return jnp.take_along_axis(logits, classes[:, None], -1).sum()


def _explained_block(model: ImageModel) -> tuple[str, ...]:
    """The path of the block whose maps are looked at."""
    if model.layout is None:
        raise UserError(
            f"{type(model).__name__} states no layout, so its last block is not known\n"
            "give --explain=gradient"
        )
    depths = model.stage_depths()
    has_class_token = hasattr(model, "token_grid")
    last = depths[-1] - (2 if has_class_token else 1)
    return model.layout.block_path(len(depths) - 1, max(last, 0))


def _as_map(model: ImageModel, x: jax.Array) -> jax.Array:
    """[B, h, w, C], of tokens [B, N, C] too; float32."""
    x = x.astype(jnp.float32)
    if x.ndim == 4:
        return x
    rows, columns = model.token_grid(x.shape[1] - PREFIX)
    return x[:, PREFIX:].reshape(len(x), rows, columns, x.shape[-1])
