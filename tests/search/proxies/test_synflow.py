"""SynFlow's law: the scores of each layer of a chain have one sum."""

import jax
import numpy as np
import pytest

from effjax.search.proxies.network import apply_of
from effjax.search.proxies.synflow import synflow
from effjax.search.proxies.weights import by_layer
from tests.search.proxies import tiny


def sums(tree):
    return np.array([float(leaf.sum()) for leaf in by_layer(tree).values()])


def test_every_layer_of_a_chain_has_the_flow_as_its_sum():
    module = tiny.Chain(widths=(4, 5, 3), norm=True)
    variables = tiny.variables_of(module)
    program = jax.jit(lambda variables: synflow(tiny.apply_of(module), variables, tiny.IMAGE))
    found = sums(program(variables))
    flow = np.ones(4)
    for layer in ("fc0", "fc1", "fc2", "head"):
        flow = flow @ np.abs(variables["params"][layer]["kernel"])
    np.testing.assert_allclose(found, flow.sum(), rtol=1e-12)


def test_a_metaformer_scales_with_its_weights():
    """Attention looks everywhere alike and StarReLU is the identity: every cut has one flow."""
    model = tiny.metaformer(("attention(head_dim=4)", "separable_conv"))
    variables = tiny.fresh(model)
    program = jax.jit(lambda variables: synflow(apply_of(model), variables, (16, 16, 3)))
    found = by_layer(program(variables))
    # patches and classifier have no branch beside them, so each carries all of the flow
    for layer in ("stem/conv", "stages_1/downsample/conv"):
        assert found[layer].sum() == pytest.approx(float(found["head/fc"].sum()), rel=1e-12)
    qkv = found["stages_0/blocks_0/token_mixer/qkv"]
    assert (qkv[:, :8] == 0).all()  # queries and keys
    assert qkv[:, 8:].sum() > 0  # values
