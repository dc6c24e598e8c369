import flax.linen as nn
import jax
import numpy as np

from effjax.models.blocks.tail import classify, mean_over_positions


class Head(nn.Module):
    classes: int

    @nn.compact
    def __call__(self, x, examples):
        return classify(x, self.classes, 0.5, examples, "fc")


def test_without_classes_there_is_no_classifier():
    x = np.ones((2, 4), np.float32)
    logits, variables = Head(3).init_with_output(jax.random.key(0), x, None)
    assert logits.shape == (2, 3)
    assert list(variables["params"]) == ["fc"]
    np.testing.assert_array_equal(Head(0).apply({}, x, None), x)


def test_the_mean_is_over_all_positions_in_float32():
    video = np.arange(2 * 3 * 2 * 2 * 4).reshape(2, 3, 2, 2, 4)
    pooled = mean_over_positions(jax.numpy.asarray(video, "bfloat16"))
    assert pooled.dtype == np.float32
    np.testing.assert_allclose(pooled, video.mean((1, 2, 3)), rtol=1e-2)
