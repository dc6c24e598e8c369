"""A network of two classes, and images of them."""

import cv2
import jax
import numpy as np
import pytest

from effjax import models
from effjax.trained.network import Preprocessing, Trained
from tests.evaluate.test_predict import FIELDS

LABELS = ("dark", "bright")


@pytest.fixture(scope="module")
def trained():
    model = models.create_model("identityformer_s12", num_classes=2, **FIELDS)
    shapes = models.registry.abstract_variables(model, (8, 8, 3))
    variables = jax.tree.map(lambda leaf: np.full(leaf.shape, 0.1, leaf.dtype), shapes)
    return Trained("tiny", "identityformer_s12", model, variables, Preprocessing((8, 8)), LABELS)


@pytest.fixture
def photos(tmp_path):
    for label in LABELS:
        folder = tmp_path / "photos/val" / label
        folder.mkdir(parents=True)
        for name in "ab":
            cv2.imwrite(str(folder / f"{name}.png"), np.full((9, 9, 3), 100, np.uint8))
    return tmp_path / "photos"
