import numpy as np

from effjax.data.images.colours import blur, solarize, to_grey
from effjax.data.images.three_augment import ThreeAugment

IMAGE = np.random.default_rng(0).integers(0, 256, (56, 70, 3), np.uint8)


def kind_of(found):
    if (found == to_grey(IMAGE)).all():
        return "grey"
    return "solarized" if (found == solarize(IMAGE)).all() else "blurred"


def test_one_of_three_with_the_same_probability():
    rng = np.random.default_rng(0)
    kinds = [kind_of(ThreeAugment()(IMAGE, rng)) for _ in range(600)]
    for kind in ("grey", "solarized", "blurred"):
        assert abs(kinds.count(kind) - 200) < 47  # four sigma


def test_the_blur_shrinks_with_the_image():
    # of seeds the first whose choice is the blur
    for seed in range(20):
        drawn = np.random.default_rng(seed)
        if drawn.integers(3) == 2:
            break
    sigma = drawn.uniform(0.1, 2.0) * 56 / 224
    found = ThreeAugment()(IMAGE, np.random.default_rng(seed))
    np.testing.assert_array_equal(found, blur(IMAGE, sigma))
