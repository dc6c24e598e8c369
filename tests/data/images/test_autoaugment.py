import numpy as np
from PIL import Image

from effjax.data.images import autoaugment
from effjax.data.images.autoaugment import PAIRS, AutoAugment, kept_bits
from effjax.data.images.operations import How, color, equalize, posterize, rotate

IMAGE = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
GREY = (128, 128, 128)


class Drawn:
    """A generator that gives what it is told; `Generator` itself draws other numbers a release."""

    def __init__(self, integers, uniform):
        self._integers = iter(integers)
        self._uniform = iter(uniform)

    def integers(self, most):
        found = next(self._integers)
        assert found < most
        return found

    def random(self):
        return next(self._uniform)


def test_the_policy_is_the_one_of_the_paper():
    assert len(PAIRS) == 25
    assert PAIRS[15] == (("Rotate", 0.8, 8), ("Color", 1.0, 2))
    assert [kept_bits(strength, None) for strength in (5, 6, 7, 8, 10)] == [6, 6, 6, 7, 8]


def test_a_pair_is_its_operations_one_after_the_other():
    # pair 15: turned by 24 degrees to the left by bicubic, then with 0.46 of its colour
    rng = Drawn(integers=(15, 1, 0), uniform=(0.79, 0.6, 0.99))
    found = AutoAugment(GREY)(IMAGE, rng)
    how = How(Image.Resampling.BICUBIC, GREY)
    expected = color(rotate(IMAGE, -24.0, how), 0.1 + 1.8 * 0.2, how)
    np.testing.assert_array_equal(found, expected)


def test_each_operation_has_its_own_probability():
    # pair 7: posterize 0.8, equalize 1.0
    how = How(Image.Resampling.BILINEAR, GREY)
    skipped = AutoAugment()(IMAGE, Drawn(integers=(7, 0), uniform=(0.8, 0.99)))
    np.testing.assert_array_equal(skipped, equalize(IMAGE, 0, how))
    both = AutoAugment()(IMAGE, Drawn(integers=(7, 0, 0), uniform=(0.79, 0.99)))
    np.testing.assert_array_equal(both, equalize(posterize(IMAGE, 6, how), 0, how))


def test_pairs_are_drawn_evenly(monkeypatch):
    marked = [((name, 1.0, 0),) for name in "abcde"]
    counts = dict.fromkeys("abcde", 0)

    class Counting:
        def __init__(self, name):
            self.name = name

        def level(self, strength, rng):
            return 0

        def apply(self, image, level, how):
            counts[self.name] += 1
            return image

    monkeypatch.setattr(autoaugment, "PAIRS", marked)
    monkeypatch.setattr(autoaugment, "OPERATIONS", {name: Counting(name) for name in "abcde"})
    rng = np.random.default_rng(0)
    for _ in range(1000):
        AutoAugment()(IMAGE, rng)
    assert sum(counts.values()) == 1000
    assert max(abs(count - 200) for count in counts.values()) < 52  # four sigma
