"""Tables of an evaluation: the hardest class first, classes without images left out."""

import types

import numpy as np
import pytest

from effjax.evaluate.attack import EPSILONS
from effjax.evaluate.corruptions import SEVERITIES
from effjax.evaluate.shown import show_attacks, show_corruptions, show_details


class Tables:
    """A display that keeps the tables it is given."""

    def __init__(self):
        self.rows = {}

    def table(self, title, rows, header=(), right=()):
        self.rows[title] = rows


@pytest.mark.parametrize("files", [{}, {"images_per_sec_from_files": 500.0}])
def test_the_hardest_class_is_the_first(files, tmp_path):
    labels = np.array([0, 0, 1, 1])  # none of class 2
    logits = np.eye(3, dtype=np.float32)[[0, 0, 1, 0]]
    scores = {"top1": 0.75, "top5": 1.0, "loss": 0.5, "calibration_error": 0.1, "images": 4}
    scores |= {"images_per_sec": 1000.0, **files}
    network = types.SimpleNamespace(labels=("cat", "dog", "cow"), name="net")
    display = Tables()
    arrays = {"logits": logits, "labels": labels}
    shown = show_details("here", scores, arrays, network, display, tmp_path)
    rows = shown["classes"]
    assert [row["class"] for row in rows] == ["dog", "cat"]
    assert rows[0] == {
        "class": "dog",
        "images": 2,
        "recall": 0.5,
        "precision": 1.0,
        "f1": pytest.approx(2 / 3),
        "auc": 0.75,
        "taken_for": "cat",
    }
    assert rows[1]["taken_for"] is None
    assert shown["mean_recall"] == 0.75
    assert shown["confusion"]["counts"] == [[2, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert display.rows["by class, the hardest first"][0][2:4] == ("50.0%", "100.0%")
    shown = dict(display.rows["here"])
    assert shown["top-1"] == "75.00% of 4"
    assert ("500 from the files" in shown["throughput"]) == bool(files)
    assert {path.name for path in tmp_path.iterdir()} == {"confusion.png", "reliability.png"}


def test_attacks_have_a_row_for_each_epsilon():
    accuracies = {str(epsilon): 0.5 for epsilon in EPSILONS}
    display = Tables()
    show_attacks({"top1": 0.75, "attack": {"fgsm": accuracies, "pgd": accuracies}}, display)
    first, *others = display.rows["top-1 under attack"]
    assert first == ("0", "75.0%", "75.0%")
    assert [row[0] for row in others] == [f"{epsilon}/255" for epsilon in EPSILONS]


def test_errors_are_means_and_relative_to_clean_images():
    errors = {"fog": [0.2] * len(SEVERITIES), "snow": [0.4] * len(SEVERITIES)}
    display = Tables()
    show_corruptions("here", {"clean": 0.1, "errors": errors}, None, display, None)
    (rows,) = display.rows.values()
    assert [row[0] for row in rows] == ["fog", "snow", "all"]
    assert [row[-2:] for row in rows] == [("20.0", "10.0"), ("40.0", "30.0"), ("30.0", "20.0")]
