import jax
import jax.numpy as jnp
import numpy as np

from effjax.tasks.pretraining.self_distillation.heads import PairHead, PrototypeHead
from tests.parity.selfsup_check import check_recorded


def test_as_recorded():
    check_recorded("dino_head/")


def test_the_length_of_a_prototype_is_not_learned():
    head = PrototypeHead(8, 4, 6)
    x = jnp.ones((2, 5))
    params = head.init(jax.random.key(0), x)["params"]
    longer = {**params, "prototypes": 3 * params["prototypes"]}
    logits = head.apply({"params": params}, x)
    np.testing.assert_allclose(logits, head.apply({"params": longer}, x), rtol=1e-5)
    assert float(jnp.abs(logits).max()) <= 1


def test_pairs_are_compared_on_the_sphere():
    head = PairHead(8, 4, 6)
    x = jnp.linspace(-1, 1, 10).reshape(2, 5)
    params = head.init(jax.random.key(0), x)
    for method in ("__call__", "target"):
        features = head.apply(params, x, method=method)
        np.testing.assert_allclose(jnp.linalg.norm(features, axis=-1), np.ones(2), rtol=1e-6)
