import jax
import jax.numpy as jnp
import pytest

from effjax import models
from effjax.errors import UserError
from tests.parity.generative_check import check_recorded

TINY = {"width": 16, "heads": 2, "depth": 2, "patch_size": 2}


@pytest.mark.parametrize("mode", ["plain", pytest.param("learned", marks=pytest.mark.slow)])
def test_recorded_values(mode):
    check_recorded(f"uvit/{mode}/")


def test_labels_are_a_token():
    shapes = models.abstract_variables(models.create_model("uvit_small", 5, **TINY), (8, 8, 3))
    assert shapes["params"]["label_emb"]["embedding_table"].shape == (6, 16)
    assert shapes["params"]["pos_embed"].shape == (1, 16 + 2, 16)


def test_each_skip_may_have_a_gate():
    model = models.create_model("uvit_small", 0, skips="learned_each", **TINY)
    shapes = models.abstract_variables(model, (8, 8, 3))
    assert shapes["params"]["se_0"]["layer1"]["kernel"].shape == (17, 1)


def test_half_in_half_out():
    with pytest.raises(UserError, match="even number"):
        models.create_model("uvit_small", depth=5)
    out = jax.eval_shape(
        lambda x, t: models.create_model("uvit_small", 0, **TINY).init_with_output(
            jax.random.key(0), x, t
        )[0],
        jnp.zeros((2, 8, 8, 3)),
        jnp.zeros(2),
    )
    assert out.shape == (2, 8, 8, 3)
