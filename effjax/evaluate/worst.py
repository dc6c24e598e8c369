"""The worst mistakes of an evaluation: what the network is surest of and wrong about.

Shapes: N examples, K classes.
"""

from pathlib import Path
from typing import Any

import numpy as np

from effjax.data import Split
from effjax.evaluate.scores import log_softmax, predicted
from effjax.report import draw_sheet

SHOWN = 40


def worst_mistakes(
    split: Split, arrays: dict[str, np.ndarray], labels: tuple[str, ...]
) -> list[dict[str, Any]]:
    """{"row", "file", "class", "predicted", "probability"} of the surest mistakes, the worst first.

    Args:
      arrays: {"logits": [N, K], "labels": [N], "rows": [N], which example of the split each is}.
      labels: the names of the classes.
    """
    answers = predicted(arrays["logits"])
    # an example without an answer says nothing, so it is sure of nothing
    wrong = np.flatnonzero((answers != arrays["labels"]) & (answers >= 0))
    shares = np.exp(log_softmax(arrays["logits"][wrong]).max(1)) if len(wrong) else np.zeros(0)
    found = []
    for place in np.argsort(-shares, kind="stable")[:SHOWN]:
        k = wrong[place]
        row = int(arrays["rows"][k])
        found.append(
            {
                "row": row,
                "file": split.examples.name(row),
                "class": labels[arrays["labels"][k]],
                "predicted": labels[answers[k]],
                "probability": float(shares[place]),
            }
        )
    return found


def draw_mistakes(path: Path, split: Split, mistakes: list[dict[str, Any]]) -> None:
    """A sheet of the images, as the network saw them, with what they are and what it said."""
    rows = np.array([mistake["row"] for mistake in mistakes])
    images = split.stream(0, rows)["image"]  # of step 0 the slots are rows
    pictures = []
    for image, mistake in zip(images, mistakes):
        said = f"{mistake['predicted']} {mistake['probability']:.0%}"
        pictures.append((image, f"{said}\nis {mistake['class']}"))
    draw_sheet(path, pictures)
