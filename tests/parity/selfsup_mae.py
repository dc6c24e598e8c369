"""Recorded values of the masked autoencoder, through the code of the task `masked_images`."""

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.models.families.vit import Shown, ViT, ViTArchitecture
from effjax.tasks.pretraining.masked_images import patches
from effjax.tasks.pretraining.masked_images.decoder import Decoder, fixed_positions
from tests.parity.selfsup_weights import Names, draw, norm, plain_rename

CASE = "mae"


def where(name: str) -> str:
    """decoder_blocks.0.attn -> decoder/blocks_0/attn; all else is the encoder's."""
    path = plain_rename(name)
    if path.startswith("decoder_"):
        return f"decoder/{path.removeprefix('decoder_')}"
    return f"encoder/{path}"


class MaeNames(Names):
    """Names without a dot: two tokens."""

    def path(self, name: str) -> tuple[str, ...]:
        if name == "mask_token":
            return ("decoder", name)
        if "." not in name:
            return ("encoder", name)
        return super().path(name)


class Autoencoder:
    """The recorded network."""

    def __init__(self, spec: Mapping[str, Any]):
        case = spec["cases"][CASE]
        ratio, side = case["mlp_ratio"], case["patch"]
        encoder = ViTArchitecture(
            case["E"], case["heads"], case["depth"], patch_size=side, mlp_ratio=ratio
        )
        decoder = ViTArchitecture(case["dE"], case["dh"], case["dd"], mlp_ratio=ratio)
        self.side, self.grid = side, (case["img"] // side,) * 2
        self.encoder = ViT(encoder, num_classes=0, dtype=jnp.float64)
        self.decoder = Decoder(decoder, 3 * side**2, self.grid)
        self.positions = jnp.asarray(fixed_positions(self.grid, case["E"]))
        self.names = MaeNames(case["weights"], f"{CASE}/", where)
        self.params = self.names.params(spec["seed"])
        self.images = jnp.asarray(draw(spec, CASE, "images"))
        self.cut = patches.cut(self.images, side)

    def __call__(self, params: Any, masks: patches.Masks) -> tuple[jax.Array, jax.Array]:
        """(latent, prediction)."""
        encoder = {**params["encoder"], "pos_embed": self.positions}
        shown = Shown(masks.kept)
        latent = self.encoder.apply({"params": encoder}, self.images, shown=shown, method="tokens")
        return latent, self.decoder.apply({"params": params["decoder"]}, latent, masks.places)

    def loss(self, params: Any, masks: patches.Masks, normalise: bool) -> jax.Array:
        _, predicted = self(params, masks)
        target = patches.normalised(self.cut) if normalise else self.cut
        total, count = patches.hidden_error(predicted, target, masks.hidden)
        return total.sum() / count.sum()


def compute_mae(
    spec: Mapping[str, Any], inputs: Mapping[str, np.ndarray], keys: list[str]
) -> Iterator[tuple[str, Any]]:
    network = Autoencoder(spec)
    case = spec["cases"][CASE]
    yield "mae/pos_embed", network.positions[0]
    yield "mae/decoder_pos_embed", fixed_positions(network.grid, case["dE"])[0]
    yield "mae/patches", network.cut[:1]
    yield "mae/kept", list_kept(case["kept"])
    count = network.cut.shape[1]
    for ratio in case["ratios"]:
        name = f"mae/ratio{round(100 * ratio)}"
        if not any(key.startswith(name) for key in keys):
            continue
        masks = patches.rank(inputs["mae/noise"], patches.kept_count(count, ratio))
        latent, predicted = jax.jit(network)(network.params, masks)
        yield f"{name}/latent", latent
        yield f"{name}/pred", predicted
        yield f"{name}/mask", masks.hidden
        yield f"{name}/ids_restore", masks.places
        for kind in ("normalised", "pixels"):
            if f"{name}_{kind}/loss" not in keys:
                continue
            step = jax.jit(jax.value_and_grad(network.loss), static_argnums=2)
            value, grads = step(network.params, masks, kind == "normalised")
            found = network.names.by_name(grads)
            yield f"{name}_{kind}/loss", value
            yield f"{name}_{kind}/names", list(found)
            yield f"{name}_{kind}/grad_l2", [norm(g) for g in found.values()]
            yield f"{name}_{kind}/grad_sum", [g.sum() for g in found.values()]


def list_kept(asked: Mapping[str, Any]) -> np.ndarray:
    """[tokens, ratio in per cent, tokens kept], the first outermost."""
    rows = []
    for tokens in asked["tokens"]:
        for ratio in asked["ratios"]:
            rows.append([tokens, round(100 * ratio), patches.kept_count(tokens, ratio)])
    return np.asarray(rows, float)


MAE = {"mae/": compute_mae}
