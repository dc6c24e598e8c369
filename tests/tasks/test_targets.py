"""What the network is to say of an image: one class, several labels, or numbers."""

import types

import numpy as np
import pytest

from effjax.errors import UserError
from effjax.tasks.targets import Numbers, OneClass, SeveralLabels, make_targets

TABLE = np.array([[1, 0], [1, 1], [0, 0], [0, 1]], np.float32)
BATCH = {"label": np.array([3, 0]), "mask": np.array([1.0, 1.0])}


def examples(table=None, labels=(0, 1, 2)):
    source = types.SimpleNamespace(class_names=("a", "b"), labels=lambda: np.array(labels))
    if table is not None:
        source.table = table
    return source


def test_several_labels_are_rows_of_the_table():
    targets = make_targets(examples(TABLE), "sigmoid", 0.0)
    assert isinstance(targets, SeveralLabels)
    assert targets.of(BATCH, 2).tolist() == [[0, 1], [1, 0]]
    right = targets.scores(np.array([[-1.0, 1.0], [-1.0, -1.0]]), targets.of(BATCH, 2))["right"]
    assert right.tolist() == [1.0, 0.5]
    with pytest.raises(UserError, match="num_classes = 3, but an image has 2 targets"):
        targets.of(BATCH, 3)


def test_numbers_are_learned_standardised_and_given_in_their_units():
    table = np.array([[1.0], [3.0], [5.0], [100.0]], np.float32)
    targets = make_targets(examples(table), "huber", 0.0)
    assert isinstance(targets, Numbers)
    assert targets.mean.tolist() == [[3.0]]  # of the training images, which row 3 is not
    learned = targets.of(BATCH, 1)
    np.testing.assert_allclose(targets.outputs(learned), [[100.0], [1.0]], rtol=1e-5)
    own = targets.scores(learned + 1.0, learned)["mae"]
    np.testing.assert_allclose(own, targets.std[0, 0], rtol=1e-5)


def test_one_class_is_what_it_was():
    targets = make_targets(examples(), "focal", 0.1)
    assert isinstance(targets, OneClass)
    batch = {"label": np.array([1, 7, 9]), "mask": np.array([1.0, 1.0, 0.0])}
    made = np.asarray(targets.of(batch, 2))
    assert made[0].tolist() == [0, 1]
    assert np.isnan(made[1]).all()
    assert not np.isnan(made[2]).any()


@pytest.mark.parametrize(
    ("table", "loss", "smoothing", "message"),
    [
        (None, "squared", 0.0, "learns numbers, the images have one class each"),
        (TABLE, "focal", 0.0, "is for images of one class; these have several targets"),
        (TABLE * 3, "sigmoid", 0.0, "takes targets from 0 to 1; these reach from 0 to 3"),
        (TABLE, "sigmoid", 0.1, "label_smoothing is for images of one class"),
        (TABLE * [[0, 1]], "squared", 0.0, "'a' is the same for all training images"),
    ],
)
def test_a_loss_that_does_not_fit_is_refused(table, loss, smoothing, message):
    with pytest.raises(UserError, match=message):
        make_targets(examples(table), loss, smoothing)
