"""Equal images in several classes are named."""

from effjax.data.tools.check import check
from effjax.data.tools.contradictions import contradicting, describe


def test_groups_of_several_classes():
    same = [("a.jpg", "cat"), ("b.jpg", "cat")]
    other = [("a.jpg", "cat"), ("b.jpg", "dog"), ("c.jpg", "cat")]
    assert contradicting([same, other]) == [tuple(other)]
    assert describe([]) == []
    assert describe([other]) == [
        "same bytes in several classes: 1 groups, 3 images",
        "  a.jpg (cat) = b.jpg (dog) = c.jpg (cat)",
    ]


def test_check_reports_them(tmp_path):
    import cv2
    import numpy as np

    rng = np.random.default_rng(0)
    files = {}
    for number in range(4):
        image = rng.integers(0, 255, (8, 8, 3), np.uint8)
        files[number] = cv2.imencode(".png", image)[1].tobytes()
    # image 0 is in both classes, image 1 twice in one
    for place, number in (("cat/a", 0), ("cat/b", 1), ("cat/c", 1), ("dog/a", 0), ("dog/b", 2)):
        path = tmp_path / f"{place}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(files[number])
    report = check(str(tmp_path))
    (group,) = report.contradictions
    assert {label for _, label in group} == {"cat", "dog"}
    assert "same bytes in several classes: 1 groups, 2 images" in str(report)
    assert len(report.duplicates) == 2
