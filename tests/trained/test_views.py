"""Means over views of an image."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.errors import UserError
from effjax.trained.network import Preprocessing, Trained
from effjax.trained.views import VIEWS, average_over

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)


class Corner:
    """A network that looks at one corner only, which a flip puts elsewhere."""

    num_classes = 3
    architecture = types.SimpleNamespace()

    def apply(self, variables, images, train=False):
        return variables["params"]["w"] * images[:, 0, 0]


@pytest.fixture
def trained():
    variables = {"params": {"w": np.float32(1)}}
    plain = Preprocessing((8, 8), mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    return Trained("corner", "corner", Corner(), variables, plain, ("a", "b", "c"), "step 4")


def test_a_flip_is_the_mean_of_both(trained):
    found = average_over(trained, "flip")
    expected = (jax.nn.softmax(IMAGES[:, 0, 0] / 255) + jax.nn.softmax(IMAGES[:, 0, -1] / 255)) / 2
    shares = found.probabilities(found.variables, IMAGES)
    np.testing.assert_allclose(shares, expected, rtol=1e-5)
    np.testing.assert_allclose(found.predict(IMAGES).probabilities, expected, rtol=1e-5)
    assert found.weights == "step 4; mean over views: flip"


@pytest.mark.parametrize(
    ("name", "count"), [("flip", 2), ("flips", 4), ("rotate", 4), ("crops", 5)]
)
def test_views_are_images_and_the_first_is_the_image_itself(name, count):
    views = VIEWS[name](jnp.asarray(IMAGES))
    assert len(views) == count
    assert {(view.shape, view.dtype) for view in views} == {(IMAGES.shape, IMAGES.dtype)}
    np.testing.assert_array_equal(views[0], IMAGES)
    grey = VIEWS[name](jnp.full((1, 8, 8, 3), 7, jnp.uint8))
    assert all((view == 7).all() for view in grey)


def test_all_corners_are_seen():
    lit = np.zeros((1, 8, 8, 3), np.uint8)
    lit[:, 0, 0] = 255
    corners = [float(view[0, 0, 0, 0]) for view in VIEWS["flips"](jnp.asarray(lit))]
    assert corners == [255, 0, 0, 0]
    assert sum(float(view.max()) > 200 for view in VIEWS["crops"](jnp.asarray(lit))) == 2


def test_unknown_views_and_shapes(trained):
    with pytest.raises(UserError, match="did you mean 'flip"):
        average_over(trained, "flp")
    with pytest.raises(UserError, match="needs square images"):
        VIEWS["rotate"](jnp.zeros((1, 4, 8, 3), jnp.uint8))
