"""What is said of images: labels, tables."""

import numpy as np

from effjax.trained.predictions import (
    NOT_FINITE,
    Predictions,
    html_table,
    say,
)

CLASSES = ("cat", "<dog>", "=eel")
SHARES = np.array([[0.7, 0.2, 0.1], [np.nan] * 3, [0.1, 0.5, 0.4], [np.nan] * 3], np.float32)
FOUND = Predictions(
    ("a.jpg", "b.jpg", "c.jpg", "d.jpg"), SHARES, CLASSES, (None, "no picture", None, NOT_FINITE)
)


def test_labels_and_the_likeliest():
    assert FOUND.labels == ["cat", None, "<dog>", None]
    first, broken, third, nan = FOUND.top(2)
    assert [name for name, _ in first.classes] == ["cat", "<dog>"]
    assert (broken.error, nan.error) == ("no picture", NOT_FINITE)
    assert third.classes[0] == ("<dog>", 0.5)
    assert len(FOUND) == 4


def test_the_first_of_equals_is_named():
    assert say("a", np.full(3, 1 / 3), None, CLASSES, 1).classes[0][0] == "cat"


def test_text_and_notebook():
    lines = repr(FOUND).splitlines()
    assert lines[2].split()[:3] == ["a.jpg", "cat", "70.0%"]
    assert "no picture" in lines[3]
    page = FOUND._repr_html_()
    assert "&lt;dog&gt;" in page
    assert "<dog>" not in page
    many = Predictions(("x",) * 25, np.tile(SHARES[:1], (25, 1)), CLASSES, (None,) * 25)
    assert repr(many).endswith("... and 5 more")
    assert "25 images, the first 20" in many._repr_html_()
    assert html_table([("a", "<b>")], (), "t").count("&lt;b&gt;") == 1
