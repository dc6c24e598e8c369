import numpy as np
import pytest

from effjax.data.images.augmix import OPERATIONS, AugMix
from effjax.data.images.operations import invert

IMAGE = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)


class Inverting(AugMix):
    """Chains that turn the image into its negative."""

    def chain(self, image, rng):
        return invert(image, 0, None)


@pytest.mark.parametrize("seed", range(3))
def test_chains_are_averaged_and_mixed_with_the_image(seed):
    # the weights sum to one: the mean of equal chains is the chain
    drawn = np.random.default_rng(seed)
    drawn.dirichlet(np.ones(3))
    share = drawn.beta(1, 1)
    found = Inverting()(IMAGE, np.random.default_rng(seed))
    expected = (1 - share) * IMAGE + share * (255.0 - IMAGE)
    # float32 may round a half the other way
    assert np.abs(found - expected).max() <= 0.5 + 1e-4


def test_weights_belong_to_chains():
    class Numbered(AugMix):
        calls = 0

        def chain(self, image, rng):
            Numbered.calls += 1
            return np.full_like(image, 60 * Numbered.calls)

    drawn = np.random.default_rng(4)
    weights = drawn.dirichlet(np.ones(3))
    share = drawn.beta(1, 1)
    mean = weights @ [60, 120, 180]
    found = Numbered()(np.zeros_like(IMAGE), np.random.default_rng(4))
    assert np.abs(found - share * mean).max() <= 0.5 + 1e-4


def test_a_chain_has_one_to_three_operations():
    counts = []

    class Counted:
        def level(self, strength, rng):
            assert 0.1 <= strength <= 3.0
            return 0

        def apply(self, image, level, how):
            counts[-1] += 1
            return image

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("effjax.data.images.augmix.OPERATIONS", (Counted(),) * len(OPERATIONS))
        rng = np.random.default_rng(0)
        for _ in range(300):
            counts.append(0)
            AugMix().chain(IMAGE, rng)
    for length in (1, 2, 3):
        assert abs(counts.count(length) - 100) < 33  # four sigma
