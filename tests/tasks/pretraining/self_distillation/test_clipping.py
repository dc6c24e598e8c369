import jax.numpy as jnp
import numpy as np

from effjax.tasks.pretraining.self_distillation.clipping import clip_each, without_prototypes


def test_each_tensor_is_clipped_by_its_own_norm():
    clipped = clip_each({"large": jnp.full(4, 3.0), "small": jnp.full(4, 0.1)}, 2.0)
    np.testing.assert_allclose(clipped["large"], np.ones(4), rtol=1e-6)
    np.testing.assert_array_equal(clipped["small"], np.full(4, 0.1, np.float32))


def test_prototypes_wait_while_they_are_held():
    group = {"prototypes": jnp.ones(2), "mlp": jnp.ones(2)}
    grads = {"encoder": jnp.ones(1), "head": {"group": group}}
    for held, expected in ((True, 0), (False, 1)):
        found = without_prototypes(grads, jnp.asarray(held))
        assert found["head"]["group"]["prototypes"].tolist() == [expected] * 2
        assert found["head"]["group"]["mlp"].tolist() == [1, 1]
    assert without_prototypes({"head": {}}, jnp.asarray(True)) == {"head": {}}
