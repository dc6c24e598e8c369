import jax
import numpy as np

from effjax.models.blocks.attention import attend


def test_every_head_attends_for_itself():
    """Against one head at a time, written as in the paper."""
    rng = np.random.default_rng(0)
    q, k, v = rng.standard_normal((3, 2, 5, 6)).astype(np.float32)  # [B, N, A * D], A = 2, D = 3
    mixed = attend(q, k, v, head_dim=3)
    for head in (slice(0, 3), slice(3, 6)):
        scores = q[..., head] @ k[..., head].swapaxes(1, 2) / np.sqrt(3)
        wanted = jax.nn.softmax(scores) @ v[..., head]
        np.testing.assert_allclose(mixed[..., head], wanted, atol=1e-5)
