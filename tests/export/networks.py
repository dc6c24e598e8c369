"""Networks to be exported, and how a test exports them."""

from pathlib import Path

import jax
import numpy as np
import pytest

from effjax import models
from effjax.export import export
from effjax.report import choose_display
from effjax.trained.network import Preprocessing, Trained


def make(name: str, size: int, fields: dict, classes: int = 5) -> Trained:
    """A network that is drawn, not initialised: biases and scales count, nothing is compiled."""
    model = models.create_model(name, num_classes=classes, **fields)
    rng = np.random.default_rng(0)

    def draw(path: tuple, leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        drawn = rng.normal(size=leaf.shape).astype(leaf.dtype)
        if len(leaf.shape) > 1:  # the fan-in keeps the size of what passes
            return drawn / np.sqrt(np.prod(leaf.shape[:-1], dtype=np.float32))
        return 0.1 * drawn + (path[-1].key in ("scale", "var"))

    variables = jax.tree_util.tree_map_with_path(
        draw, models.abstract_variables(model, (size, size, 3))
    )
    preprocessing = Preprocessing((size, size), mean=(0.5, 0.4, 0.3))
    return Trained(name, name, model, variables, preprocessing, tuple("abcde"[:classes]))


def needs(kind: str) -> None:
    if kind == "onnx":
        pytest.importorskip("jax2onnx", reason="the export extra and jax2onnx are not installed")
    if kind != "safetensors":
        pytest.importorskip("flatbuffers", reason="the export extra is not installed")


def quietly(trained: Trained, kind: str, out: Path) -> dict:
    return export(trained, kind, out, choose_display(quiet=True))
