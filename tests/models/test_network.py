import jax.numpy as jnp

from effjax import models


def test_a_network_says_what_it_is_called_with():
    classifier, denoiser = (
        models.create_model("vit_tiny_patch16_224"),
        models.create_model("dit_s_8"),
    )
    assert [x.shape for x in classifier.example_inputs((2, 8, 8, 3))] == [(2, 8, 8, 3)]
    shapes = [x.shape for x in denoiser.example_inputs((2, 8, 8, 4))]
    assert shapes == [(2, 8, 8, 4), (2,), (2,)]


def test_parameters_are_in_the_dtype_that_was_asked_for():
    model = models.create_model("dit_s_8", param_dtype="bfloat16", depth=1)
    params = models.abstract_variables(model)["params"]
    assert params["blocks_0"]["attn"]["qkv"]["kernel"].dtype == jnp.bfloat16
