"""A trained network in Python: predictions, features, what a reader is shown."""

import dataclasses

import jax
import numpy as np
import pytest

from effjax import models
from effjax.errors import UserError
from effjax.trained.network import Preprocessing, Trained

FIELDS = {
    "depths": (1, 1, 1, 1),
    "dims": (4, 4, 4, 4),
    "patch_kernels": (1, 1, 1, 1),
    "patch_strides": (1, 1, 1, 1),
    "patch_pads": (0, 0, 0, 0),
}
IMAGES = np.random.default_rng(1).integers(0, 256, (3, 9, 12, 3), np.uint8)


@pytest.fixture(scope="module")
def trained():
    model = models.create_model("identityformer_s12", num_classes=3, **FIELDS)
    rng, shapes = np.random.default_rng(0), models.abstract_variables(model, (8, 8, 3))
    draw = lambda leaf: rng.normal(size=leaf.shape).astype(leaf.dtype)  # noqa: E731
    variables = jax.tree.map(draw, shapes)
    labels = ("dark", "bright", "other")
    preprocessing = Preprocessing((8, 8), mean=(0.5, 0.4, 0.3))
    return Trained("tiny", "identityformer_s12", model, variables, preprocessing, labels, "step 4")


def test_predictions_are_those_of_the_model(trained):
    found = trained.predict(IMAGES)
    logits = trained.model.apply(trained.variables, trained.preprocess(IMAGES), train=False)
    np.testing.assert_allclose(found.probabilities, jax.nn.softmax(logits), atol=1e-6)
    assert found.labels == [trained.labels[k] for k in logits.argmax(-1)]
    one_by_one = trained.predict(list(IMAGES), batch_size=1)
    np.testing.assert_allclose(one_by_one.probabilities, found.probabilities, atol=1e-6)
    with pytest.raises(UserError, match="batch_size=0"):
        trained.predict(IMAGES, batch_size=0)


def test_features_are_those_of_the_model(trained):
    pixels = trained.preprocess(IMAGES)
    expected = trained.model.apply(trained.variables, pixels, method="features")
    assert set(trained.layers) == set(expected)
    for layer in ("stage2", "pooled"):
        found = trained.features(IMAGES, layer=layer)
        assert found.shape[1:] == trained.layers[layer]
        np.testing.assert_allclose(found, expected[layer], rtol=1e-4, atol=1e-5)
    with pytest.raises(UserError, match="has no layer 'pool'; did you mean 'pooled'"):
        trained.features(IMAGES, layer="pool")


def test_without_a_classifier_it_gives_features(trained):
    headless = dataclasses.replace(trained, model=trained.model.clone(num_classes=0), labels=())
    assert (trained.gives, trained.width) == ("class", 3)
    assert (headless.gives, headless.width) == ("features", 4)
    shape = jax.eval_shape(headless.logits, headless.variables, IMAGES[:, :8, :8]).shape
    assert shape == (3, headless.width)
    assert ("gives", "4 features, no classes") in headless.facts()
    with pytest.raises(UserError, match="has no classifier\ntake its features: effjax predict"):
        headless.predict(IMAGES)


def test_a_broken_file_is_named(trained, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    found = trained.predict([IMAGES[0], str(tmp_path / "a.jpg")])
    assert found.errors[0] is None
    assert found.labels[1] is None
    assert np.isnan(found.probabilities[1]).all()
    with pytest.raises(UserError, match=r"a\.jpg cannot be read"):
        trained.features(str(tmp_path / "a.jpg"))


def test_nan_is_no_class(trained):
    broken = jax.tree.map(lambda leaf: np.full_like(leaf, np.nan), trained.variables)
    network = dataclasses.replace(trained, variables=broken)
    found = network.predict(IMAGES)
    assert found.labels == [None] * 3
    assert "not finite" in found.errors[0]


def test_a_reader_sees_what_it_is(trained):
    told = repr(trained)
    assert told.startswith("<Trained tiny: network: identityformer_s12, ")
    assert "images: 8 x 8 pixels" in told
    assert "weights: step 4" in told
    assert len(told) < 300  # no arrays
    assert "<table><caption>tiny</caption>" in trained._repr_html_()


def test_an_image_of_any_size_becomes_the_size_of_the_network():
    image = np.full((20, 30, 3), 7, np.uint8)
    resized = Preprocessing((8, 12)).transform()(image)
    assert (resized.shape, resized.dtype) == ((8, 12, 3), np.uint8)
    assert (resized == 7).all()
