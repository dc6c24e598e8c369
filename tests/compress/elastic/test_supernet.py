"""Masked, extracted and ordinary networks give the same logits."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax import models
from effjax.compress.elastic.supernet import KERNELS, Supernet, without_kernels
from effjax.compress.sites import flat
from tests.compress.elastic.conftest import EXTENT, FAMILIES, FAST, NAMES, SIDE


def masked_logits(case):
    """(point) -> logits by one program for all points."""
    net = case.net

    @jax.jit
    def logits(point):
        with net.passing(case.ranks, point):
            params = net.masked(case.params, case.ranks, point)
            return case.model.apply({"params": params, **case.rest}, case.images)

    return logits


def cut_out(case, point):
    """(model, variables, logits) of a point as an ordinary network."""
    model = case.model.clone(architecture=case.net.space.decode(point))

    @jax.jit
    def cut(params):
        _, variables = case.net.extracted(params, case.rest, case.ranks, point)
        return variables, model.apply(variables, case.images)

    return model, *cut(case.params)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_masked_is_what_is_cut_out(filled, name):
    case = filled(name)
    space = case.net.space
    logits = masked_logits(case)
    points = [space.smallest, space.largest, space.sample(np.random.default_rng(1))]
    for point in points:
        _, _, want = cut_out(case, point)
        found = logits(jnp.asarray(point))
        assert np.abs(want).max() > 0.01
        np.testing.assert_allclose(found, want, atol=1e-12)


@pytest.mark.slow
def test_what_is_cut_out_is_an_ordinary_network_on_disk(filled, tmp_path):
    case = filled(FAST)
    point = case.net.space.sample(np.random.default_rng(2))
    model, variables, want = cut_out(case, point)
    models.write_architecture(FAST, model.architecture, tmp_path / "architecture.json")
    models.save_weights(model, variables, str(tmp_path / "weights.safetensors"))
    again = models.create_model(str(tmp_path / "architecture.json"), 3, dtype="float64")
    blank = jax.tree.map(jnp.zeros_like, variables)
    loaded, _ = models.load_weights(again, blank, str(tmp_path / "weights.safetensors"))
    found = jax.jit(functools.partial(again.apply))(loaded, case.images)
    # files hold 32 bits
    np.testing.assert_allclose(found, want, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_shapes_of_what_is_cut_out_are_those_of_its_architecture(filled, name):
    case = filled(name)
    space = case.net.space
    for point in (space.smallest, space.sample(np.random.default_rng(3))):

        def cut(params, point=point):
            return case.net.extracted(params, case.rest, case.ranks, point)[1]

        found = flat(jax.eval_shape(cut, case.params))
        model = case.model.clone(architecture=space.decode(point))
        wanted = flat(models.abstract_variables(model, (SIDE, SIDE, 3)))
        assert {k: v.shape for k, v in found.items()} == {k: v.shape for k, v in wanted.items()}


def test_matrices_stand_beside_the_network(filled):
    case = filled("inception_next_atto")
    network, matrices = without_kernels(case.params)
    assert KERNELS not in network
    mixer = matrices["stages_0"]["blocks_0"]["token_mixer"]
    assert mixer["dwconv_w"]["5to3"].shape == (3, 3)
    assert "dwconv_hw" not in mixer


def test_a_scanned_network_is_written_out():
    fields = {**FAMILIES["convformer_s18"], "scan": True}
    model = models.create_model("convformer_s18", num_classes=3, **fields)
    net = Supernet(model, "convformer_s18", EXTENT, (SIDE, SIDE, 3))
    assert not net.model.architecture.scan
    assert dataclasses.replace(net.model.architecture, scan=True) == model.architecture
