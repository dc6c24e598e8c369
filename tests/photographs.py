"""A folder of pictures such as users have: kinds of endings, a broken file, a text file."""

from pathlib import Path

import cv2
import numpy as np


def make_photographs(folder: Path) -> Path:
    """Five images, one of them in a folder of its own, a broken one and a text file."""
    rng = np.random.default_rng(0)
    (folder / "more").mkdir(parents=True)
    for name in ("a.png", "b.jpg", "c.JPEG", "more/d.png", "odd.image"):
        coded = cv2.imencode(".png", rng.integers(0, 256, (12, 9, 3), np.uint8))[1]
        (folder / name).write_bytes(coded.tobytes())
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 not a picture")
    (folder / "notes.txt").write_text("not a picture")
    (folder / ".hidden.png").write_bytes(b"")
    return folder
