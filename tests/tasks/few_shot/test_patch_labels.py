import jax
import numpy as np

from effjax.tasks.few_shot.patch_labels import patch_targets
from tests.parity.selfsup_check import check_recorded


def test_as_recorded():
    check_recorded("sun/")


def test_background_is_the_class_of_its_own():
    logits = jax.random.normal(jax.random.key(0), (1, 6, 4))
    targets = patch_targets(logits, classes_of_patch=1, background=2, smoothing=0.0)
    assert targets.shape == (1, 6, 5)
    assert float(targets[..., 4].sum()) == 2
    np.testing.assert_allclose(targets.sum(-1), np.ones((1, 6)))
