"""What the layers of a network hold and compute."""

import jax
import pytest

from effjax import models
from effjax.compress.quantised import Bits, in_float, quantise
from effjax.compress.quantised_layers import (
    layers_of,
    read_summary,
    summarise,
    write_summary,
)
from effjax.errors import UserError
from tests.compress.quantised import FAMILIES, SHAPE, small_network

pytest.importorskip("qwix", reason="pip install 'effjax[quantise]'")


@pytest.mark.parametrize(
    "name",
    [
        "caformer_s18",
        pytest.param("convnext_atto", marks=pytest.mark.slow),
        pytest.param("resnet18", marks=pytest.mark.slow),
    ],
)
def test_layers_compute_all_but_the_products_of_attention(name):
    size, fields = FAMILIES[name]
    model = models.create_model(name, num_classes=3, **fields)
    shape = (size, size, 3)
    layers = layers_of(model, models.abstract_variables(model, shape), shape)
    of_layers = sum(layer.macs for layer in layers)
    whole = models.cost(model, shape).macs
    if "caformer" in name:
        assert 0.9 * whole < of_layers < whole
    else:
        assert of_layers == whole


def test_bytes_are_those_of_integers_scales_and_the_rest(tmp_path):
    model, variables, _ = small_network(Bits(4, 8))
    summary = summarise(model, variables, SHAPE)
    size = sum(layer.size for layer, _, _ in summary.layers)
    outputs = sum(layer.kernel[-1] for layer, _, _ in summary.layers)
    assert summary.bytes == size // 2 + 4 * outputs + 4 * (summary.params - size)
    plain = summarise(in_float(model), variables, SHAPE)
    assert plain.bytes == plain.float_bytes == 4 * plain.params
    assert summary.share_of_macs == 1.0
    assert not plain.rounded
    write_summary(summary, tmp_path)
    assert read_summary(tmp_path)["bytes"] == summary.bytes
    with pytest.raises(UserError, match="holds no"):
        read_summary(tmp_path / "nowhere")


def test_layers_left_in_floating_point_are_named():
    model, variables, _ = small_network()
    model = quantise(model, Bits(8, 8, (("fc", 32),)))
    rows = dict(summarise(model, variables, SHAPE).rows())
    assert "fc" in rows["and by your rule"]
    total = len(jax.tree.leaves(variables["limits"]))
    assert rows["layers"] == f"{total - 1} of {total}"
