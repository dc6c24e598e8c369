import jax
import jax.numpy as jnp
import pytest

from effjax import models
from effjax.errors import UserError

TINY = {"width": 16, "heads": 2, "depth": 1, "patch_size": 4}


def test_kinds_are_listed_apart():
    assert "dit_xl_2" in models.list_models(kind="denoiser")
    assert "dit_xl_2" not in models.list_models()
    assert set(models.list_models(kind=None)) > set(models.list_models())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((jnp.zeros((1, 8, 8, 4)),), "config.task.name=diffusion"),
        ((jnp.zeros((1, 8, 8, 3)), jnp.zeros(1)), "set in_chans=3"),
        (
            (
                jnp.zeros((1, 8, 8, 4)),
                jnp.zeros(1),
                None,
                models.Hidden(jnp.zeros((1, 4), int), 2),
            ),
            "does not learn with masks",
        ),
    ],
)
def test_what_a_denoiser_cannot_take_is_refused(arguments, message):
    model = models.create_model("dit_s_2", **TINY)
    with pytest.raises(UserError, match=message):
        model.init(jax.random.key(0), *arguments)


def test_no_labels_stand_for_the_last_row():
    model = models.create_model("dit_s_2", 3, **TINY)
    x, t = jnp.ones((1, 8, 8, 4)), jnp.ones(1)
    variables = jax.jit(model.init)(jax.random.key(0), x, t)
    outputs = [
        model.apply(variables, x, t, labels, capture_intermediates=True)[1]["intermediates"]
        for labels in (None, jnp.asarray([3]))
    ]
    rows = [seen["y_embedder"]["__call__"][0] for seen in outputs]
    assert (rows[0] == rows[1]).all()
