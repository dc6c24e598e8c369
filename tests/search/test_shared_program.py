"""A network of all mixers is that of each point."""

import jax
import jax.numpy as jnp
import numpy as np

from effjax.models import create_model
from effjax.models.registry import fields_of
from effjax.search.choices import Choice
from effjax.search.shared_program import choice_variables, shared_architecture
from effjax.search.space import ArchSpace
from tests.search.strategies.test_perturb import FIELDS

MIXERS = ("identity", "pooling", "depthwise3", "attention(head_dim=2)")


def test_logits_are_those_of_the_network_alone():
    choices = [Choice(f"stages_{stage}.blocks_0.mixer", MIXERS) for stage in range(2)]
    space = ArchSpace("convformer_s18", choices, **FIELDS)
    architecture = shared_architecture(space, (0, 0))
    assert architecture == shared_architecture(space, (3, 2))
    shared = create_model(space.name, 3, **fields_of(architecture))
    images = jnp.asarray(np.random.default_rng(0).standard_normal((2, 8, 8, 3)), jnp.float32)
    variables = jax.jit(shared.init)(jax.random.key(0), images)
    run = jax.jit(shared.apply)
    for point in ((0, 1), (2, 3)):
        alone = space.model(point, num_classes=3)
        params = dict(variables["params"])
        given = {**variables, **choice_variables(space, point)}
        for stage, index in enumerate(point):
            params[f"stages_{stage}"] = own(params[f"stages_{stage}"], given, stage, index)
        expected = jax.jit(alone.apply)({"params": params}, images)
        np.testing.assert_allclose(run(given, images), expected, atol=1e-6)


def own(stage, given, number, index):
    """The parameters of a stage with those of the chosen option alone."""
    block = dict(stage["blocks_0"])
    options = block.pop("token_mixer")
    chosen = int(given["choices"][f"stages_{number}"]["blocks_0"]["token_mixer"]["index"])
    parameters = options.get(f"option{chosen}")
    if parameters is not None:
        block["token_mixer"] = parameters
    return {**stage, "blocks_0": block}


def test_a_space_without_mixers_is_as_it_is():
    space = ArchSpace("convformer_s18", [Choice("mlp_ratio", (1.0, 2.0))], **FIELDS)
    assert shared_architecture(space, (1,)) == space.decode((1,))
    assert choice_variables(space, (1,)) == {}
