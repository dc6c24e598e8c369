"""Learned positions of a file, fitted to a model for images of another size.

Shapes: H W token grid, N = H * W, P prefix tokens, C channels.
"""

import re
from collections.abc import Mapping

import numpy as np
from jax import Array

from effjax.errors import UserError
from effjax.models.base import ImageModel
from effjax.models.blocks.positions import Grid, resize_map, resize_tokens, square_grid
from effjax.models.families.vit import PREFIX, ViT

GRID = "grid"  # the note of a State: "7x28"


def grid_note(model: ImageModel, tokens: int) -> dict[str, str]:
    """The note that tells the grid of a list of positions: their number does not."""
    grid = model.token_grid(tokens)
    return {} if grid is None else {GRID: f"{grid[0]}x{grid[1]}"}


def fit_positions(
    model: ImageModel, name: str, value: np.ndarray, shape: tuple[int, ...], notes: Mapping
) -> tuple[str, Array | np.ndarray]:
    """("loaded", value) where the grids are equal, else ("resized", value in `shape`).

    Args:
      model: what the positions are for.
      name: of the tensor, for messages.
      value: from the file, [1, H, W, C] or [1, P + N, C].
      shape: what the model has.
      notes: of the file, see `State`; without a note a list of tokens is a square, as in timm.

    Raises UserError for a list of tokens whose grid nothing tells.
    """
    if not isinstance(model, ViT):
        if value.shape == shape:
            return "loaded", value
        return "resized", resize_map(value, shape)
    old = _grid_of_file(name, value.shape[1] - PREFIX, notes)
    new = model.token_grid(shape[1] - PREFIX)
    if old == new:
        return "loaded", value
    return "resized", resize_tokens(value, old, new)


def _grid_of_file(name: str, tokens: int, notes: Mapping[str, str]) -> Grid:
    # A note comes from a file, which anyone may have written.
    noted = re.fullmatch(r"(\d{1,6})x(\d{1,6})", notes.get(GRID, ""))
    if noted:
        rows, columns = int(noted[1]), int(noted[2])
        if rows * columns == tokens:
            return rows, columns
    # timm's files have no notes: it takes a square for granted, too.
    grid = square_grid(tokens)
    if grid is None:
        raise UserError(
            f"{name} has positions of {tokens} tokens, which are no square: their grid is unknown\n"
            "give a file that effjax has written, which tells it"
        )
    return grid
