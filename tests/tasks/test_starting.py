"""What a run starts from: classes by name, companions of exported files."""

import json

import numpy as np
import pytest

from effjax import models
from effjax.tasks.starting import Start, classifier_rows, explain_mismatch, find_start


@pytest.mark.parametrize(
    ("ours", "classes", "labels", "rows"),
    [
        (("cat", "dog"), 2, ("cat", "dog"), None),  # as it is
        (("cat", "dog"), 2, ("dog", "cat"), [1, 0]),  # another order
        (("cat", "dog"), 2, ("eel", "fox"), []),  # others, though as many: fresh
        (("cat", "eel"), 2, ("dog", "Cat", "fox"), [1, -1]),  # some; capitals do not count
        (("cat", "dog"), 3, ("cat", "dog"), [0, 1, -1]),  # more outputs than names
        (("cat", "dog"), 2, ("class 0", "class 1"), None),  # no names to go by
    ],
)
def test_rows_of_the_classifier(ours, classes, labels, rows):
    found, names = classifier_rows(ours, classes, labels)
    assert found == rows
    known = rows if rows is not None else range(len(ours))
    if "class 0" not in labels:
        assert len(names) == sum(row >= 0 for row in known)


def test_an_exported_file_knows_its_classes(tmp_path):
    weights = tmp_path / "model.safetensors"
    assert find_start(str(weights)).labels == ()
    card = {"model": "caformer_s18", "labels": ["cat", "dog"]}
    weights.with_suffix(".json").write_text(json.dumps(card))
    assert find_start(str(weights)).labels == ("cat", "dog")
    weights.with_suffix(".json").write_text('{"labels": 3}')  # of another program
    assert find_start(str(weights)).labels == ()


def test_an_empty_choice_of_classes_leaves_the_classifier_fresh():
    model = models.create_model("resnet18", num_classes=2)
    shapes = models.abstract_variables(model, (32, 32, 3))
    state = models.weights.to_torch(model, _filled(shapes, 1.0))
    loaded, report = models.load_weights(model, _filled(shapes, 0.0), state, classes=[])
    assert not np.asarray(loaded["params"]["fc"]["kernel"]).any()
    assert sorted(report.replaced) == ["fc.bias", "fc.weight"]


def test_another_family_is_named():
    weights_of = models.create_model("resnet18")
    start = Start("runs/x", {}, (), weights_of)
    told = explain_mismatch(start, models.create_model("caformer_s18"), "caformer_s18")
    assert told.splitlines() == [
        "runs/x is a ResNet, caformer_s18 is another",
        "take its architecture: --config.model.name=runs/x",
    ]
    assert explain_mismatch(start, weights_of, "resnet18") is None
    assert explain_mismatch(Start("f", {}, ()), weights_of, "resnet18") is None


def _filled(shapes, value):
    import jax

    return jax.tree.map(lambda leaf: np.full(leaf.shape, value, leaf.dtype), shapes)
