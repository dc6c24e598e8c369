"""The worst mistakes: the surest first, with the images that they were made on."""

import types

import numpy as np

from effjax.evaluate.worst import draw_mistakes, worst_mistakes

LABELS = ("cat", "dog", "eel")
LOGITS = np.array([[5.0, 0, 0], [3.0, 0, 0], [0, 4.0, 0], [np.nan, 0, 0], [0, 0, 1.0]], np.float32)
ARRAYS = {"logits": LOGITS, "labels": np.array([0, 1, 0, 2, 1]), "rows": np.array([0, 1, 3, 4, 7])}


def split(seen=None):
    def stream(step, slots):
        if seen is not None:
            seen.extend(slots.tolist())
        return {"image": np.zeros((len(slots), 8, 8, 3), np.uint8)}

    examples = types.SimpleNamespace(name=lambda row: f"{row}.jpg")
    return types.SimpleNamespace(examples=examples, stream=stream)


def test_the_surest_mistake_is_the_first():
    found = worst_mistakes(split(), ARRAYS, LABELS)
    assert [mistake["file"] for mistake in found] == ["3.jpg", "1.jpg", "7.jpg"]
    assert (found[0]["class"], found[0]["predicted"]) == ("cat", "dog")
    shares = [mistake["probability"] for mistake in found]
    assert shares == sorted(shares, reverse=True)


def test_the_pictures_are_those_of_the_mistakes(tmp_path):
    seen = []
    draw_mistakes(tmp_path / "m.png", split(seen), worst_mistakes(split(), ARRAYS, LABELS))
    assert seen == [3, 1, 7]
    assert (tmp_path / "m.png").stat().st_size > 0


def test_no_mistakes():
    arrays = {"logits": LOGITS[:1], "labels": np.array([0]), "rows": np.array([0])}
    assert worst_mistakes(split(), arrays, LABELS) == []
