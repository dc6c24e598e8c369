"""Which entries belong to which channels."""

import math

import pytest

from effjax import models
from effjax.compress.elastic.axes import axes_of
from effjax.errors import UserError
from tests.compress.elastic.conftest import FAMILIES


@pytest.mark.parametrize("name", FAMILIES)
def test_axes_have_the_entries_that_the_arrays_have(filled, name):
    net = filled(name).net
    for axis in net.axes:
        sizes = net.sizes[axis.group]
        count = sum(sizes) if axis.part is None else sizes[axis.part]
        assert net.shapes[axis.path].shape[axis.axis] == count * axis.unit * axis.repeats, axis


@pytest.mark.parametrize("name", FAMILIES)
def test_all_that_is_wide_is_declared(filled, name):
    net = filled(name).net
    declared = {(axis.path, axis.axis) for axis in net.axes}
    for path, leaf in net.shapes.items():
        if math.prod(leaf.shape) == 1:
            continue  # the numbers of an activation
        free = {"params/stem/conv/kernel": 1, "params/head/fc/kernel": 1}
        last_two = [-1] if leaf.ndim == 1 or "dwconv" in path else [-2, -1]
        missing = [axis for axis in last_two if (path, axis) not in declared]
        # images have three channels, and classes are what they are
        allowed = free.get(path, 1 if "fc2" in path and "head" in path else 0)
        classes = path.startswith("params/head/") and leaf.shape[-1] == 3
        assert len(missing) <= allowed or classes, path


def test_another_family_or_mixer_is_refused(filled):
    with pytest.raises(UserError, match="ResNet cannot be elastic"):
        axes_of(models.create_model("resnet18"), ())
    fields = {**FAMILIES["convformer_s18"], "mixers": ("random", "separable_conv")}
    with pytest.raises(UserError, match="cannot be elastic"):
        axes_of(models.create_model("convformer_s18", **fields), ())
