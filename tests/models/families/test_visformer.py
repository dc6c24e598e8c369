import jax
import pytest

from effjax.errors import UserError
from effjax.models import abstract_variables, create_model
from tests.models.model_parity import images


def test_positions_are_interpolated_on_other_grids():
    model = create_model("visformer_micro_80", 3, depths=1, dims=(16, 24, 48))
    variables = abstract_variables(model)
    assert variables["params"]["pos_embed1"].shape == (1, 20, 20, 16)
    assert jax.eval_shape(model.apply, variables, images((2, 96, 64, 3))).shape == (2, 3)


def test_heads_have_channels():
    with pytest.raises(UserError, match="the 4 channels of stage 2 leave nothing"):
        create_model("visformer_micro_80", dims=(128, 4, 512))
