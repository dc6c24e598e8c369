"""Shows what zero-cost scores say of one network, and how long each took."""

import time
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections

from effjax.errors import UserError
from effjax.models import ImageModel, create_model
from effjax.models.registry import default_input_shape
from effjax.report import Display
from effjax.search.batches import open_batches, random_batch
from effjax.search.proxies import PROXIES, Batch, Candidate, apply_of
from effjax.tasks.run import build

IMAGES = 64
CLASSES = 10  # of a model that is named without data


def scores_of_config(
    config: ml_collections.ConfigDict, names: Sequence[str], display: Display, images: int = IMAGES
) -> dict[str, float]:
    """The scores of the network that a config describes, on its own training images.

    Args:
      names: of scores; none: all.

    Raises:
      UserError: an unknown name, or the config is no classification.
    """
    chosen = find_all(names)
    if images < 2:
        raise UserError(f"--images={images}: scores compare images; give 2 or more")
    model = build(config).task.model
    if not isinstance(model, ImageModel):
        raise UserError(f"task {config.task.name!r} has no image model; give a classification")
    batch = Batch(*(jnp.asarray(part) for part in open_batches(config, images)(0)))
    display.line(f"{config.model.name} on {images} training images of {config.data.name}")
    return show(model, batch, chosen, display, config.seed)


def scores_of_model(
    name: str, names: Sequence[str], display: Display, images: int = IMAGES
) -> dict[str, float]:
    """The scores of a registered model on noise."""
    chosen = find_all(names)
    if images < 2:
        raise UserError(f"--images={images}: scores compare images; give 2 or more")
    model = create_model(name, CLASSES)
    shape = default_input_shape(model)
    batch = Batch(*(jnp.asarray(part) for part in random_batch(shape, CLASSES, images, 0)))
    display.line(f"{name} on {images} images of noise; --config=F takes real ones")
    return show(model, batch, chosen, display)


def find_all(names: Sequence[str]) -> dict[str, Any]:
    """{name: score}; all if none is named."""
    if not names:
        return dict(PROXIES.entries)
    return {name: PROXIES.find(name) for name in dict.fromkeys(names)}


def show(
    model: ImageModel, batch: Batch, chosen: dict[str, Any], display: Display, seed: int = 0
) -> dict[str, float]:
    """A table: score, seconds, what it is. A score without meaning for the network says why."""
    variables = jax.jit(model.init)(jax.random.key(seed), batch.images[:1])
    network = Candidate(model, variables, batch, apply_of(model), seed)
    lines = PROXIES.lines()
    found: dict[str, float] = {}
    rows = []
    for name, score in chosen.items():
        display.waiting(name)
        began = time.monotonic()
        try:
            found[name] = score(network)
            value = f"{found[name]:.6g}"
            line = lines.get(name, "")
        except UserError as problem:
            value = "-"
            line = str(problem).splitlines()[0]
        rows.append((name, value, f"{time.monotonic() - began:.2f}", line))
    header = ("score", "value", "seconds", "greater is better")
    display.table("zero-cost scores, compilation included", rows, header, right=(1, 2))
    return found
