import jax
import pytest

from effjax.errors import UserError
from effjax.models import abstract_variables, create_model
from tests.models.model_parity import images

SMALL = {"depths": 1, "dims": (48, 64, 96, 96), "attention_heads": 1}


def test_positions_are_interpolated_on_other_grids():
    model = create_model("inception_transformer_small", 10, **SMALL)
    variables = abstract_variables(model, (64, 64, 3))
    assert jax.eval_shape(model.apply, variables, images((2, 96, 64, 3))).shape == (2, 10)
    with pytest.raises(UserError, match="does not divide by attention_pools=2"):
        jax.eval_shape(model.apply, variables, images((2, 36, 64, 3)))


def test_attention_leaves_channels_for_convolution():
    with pytest.raises(UserError, match="leave nothing of the 32 channels of stage 1"):
        create_model("inception_transformer_small", **SMALL | {"dims": (32, 64, 96, 96)})
