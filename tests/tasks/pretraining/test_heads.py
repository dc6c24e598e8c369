import jax
import jax.numpy as jnp
import numpy as np

from effjax.tasks.pretraining.heads import Projector


def test_a_plain_head_is_linear_layers_with_relu():
    head = Projector(layers=2, hidden=5, dim=3)
    x = jax.random.normal(jax.random.key(0), (4, 6))
    params = head.init(jax.random.key(1), x, None)["params"]
    assert {name: layer["kernel"].shape for name, layer in params.items()} == {
        "fc0": (6, 5),
        "fc1": (5, 3),
    }
    hidden = jax.nn.relu(x @ params["fc0"]["kernel"] + params["fc0"]["bias"][None])
    expected = hidden @ params["fc1"]["kernel"] + params["fc1"]["bias"][None]
    np.testing.assert_allclose(head.apply({"params": params}, x, None), expected, rtol=1e-5)


def test_with_norms_the_last_one_has_no_scale():
    head = Projector(layers=2, hidden=5, dim=3, norm=True)
    x = jax.random.normal(jax.random.key(0), (8, 6))
    variables = head.init(jax.random.key(1), x, None)
    assert set(variables["params"]) == {"fc0", "bn0", "fc1"}
    assert set(variables["params"]["fc0"]) == {"kernel"}
    out, _ = head.apply(variables, x, jnp.arange(8), mutable=["batch_stats"])
    np.testing.assert_allclose(out.mean(0), np.zeros(3), atol=1e-5)
