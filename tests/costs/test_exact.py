"""Exact counts in the unit that is asked for."""

from effjax import create_model
from effjax.costs import count


def test_units():
    model = create_model("convformer_s18", depths=1, dims=8, num_classes=2)
    larger = model.clone(num_classes=3)
    shape = (32, 32, 3)
    hidden = 4 * 8  # of the head's MLP, before the classifier
    assert count(larger, shape, "params") - count(model, shape, "params") == hidden + 1
    assert count(larger, shape, "macs") - count(model, shape, "macs") == hidden
