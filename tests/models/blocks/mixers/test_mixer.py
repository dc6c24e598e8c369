"""What an entry of `mixers` may be."""

import sys
import types

import jax
import numpy as np
import pytest
from flax import linen as nn

from effjax.errors import UserError
from effjax.models import create_model
from effjax.models.blocks.drops import Dropout
from effjax.models.blocks.mixers import (
    MIXERS,
    Attention,
    TokenMixer,
    find_mixer,
    list_mixers,
    register_mixer,
)
from effjax.models.blocks.mixers.mixer import REGISTRY
from effjax.models.blocks.norms import BatchNorm

X = np.random.default_rng(0).standard_normal((4, 2, 2, 8)).astype(np.float32)


class Noisy(TokenMixer):
    """All that a mixer may have: a hyperparameter, dropout, batch norm."""

    rate: "float" = 0.5  # as text, as `from __future__ import annotations` has it

    @nn.compact
    def __call__(self, x, train, examples):
        x = BatchNorm(self.batch_axis, name="norm")(x, examples)
        return Dropout(self.rate)(x, examples)


@pytest.fixture
def plug_in(monkeypatch):
    module = types.ModuleType("somebodys_package")
    module.Noisy = Noisy
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return "somebodys_package:Noisy"


def test_entries_set_the_mixers_own_fields():
    make = find_mixer("attention(head_dim=16)")
    assert make(3, name="mixer") == Attention(3, head_dim=16, name="mixer")
    assert find_mixer("attention").func is Attention


def test_a_plug_in_trains_with_its_own_fields(plug_in):
    fields = {"depths": (2,), "dims": (8,), "kernel_sizes": 3, "layer_scale": None}
    fields |= {"patch_kernels": 2, "patch_strides": 2, "patch_pads": 0, "remat": False}
    fields |= {"residual_scale": None, "scan": True, "mixers": f"{plug_in}(rate=0.25)"}
    model = create_model("caformer_s18", 0, **fields)
    images = np.ones((2, 4, 4, 3), np.float32)
    variables = jax.eval_shape(model.init, jax.random.key(0), images)
    mixer = variables["batch_stats"]["stages_0"]["blocks_1"]["token_mixer"]
    assert mixer["norm"]["mean"].shape == (8,)

    def train(variables):
        rngs = {"dropout": jax.random.key(0)}
        return model.apply(variables, images, train=True, rngs=rngs, mutable=["batch_stats"])

    logits, updated = jax.eval_shape(train, variables)
    assert logits.shape == (2, 8)
    assert jax.tree.structure(updated["batch_stats"]) == jax.tree.structure(
        variables["batch_stats"]
    )
    assert model.windows() == ()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("atention", "did you mean 'attention'"),
        ("attention(head_dim=0)", r"head_dim is expected as int in \[1"),
        ("('pooling',) * 4", "write several out"),
        ("attention(dim=3)", "no field 'dim': did you mean 'head_dim'"),
        ("attention(kernel_size=3)", "no field 'kernel_size'"),
        ("attention(16)", r"expected name\(field=value"),
        ("attention(head_dim=open('x'))", r"expected name\(field=value"),
        ("attention(head_dim=16", r"expected name\(field=value"),
        ("no_such_package:Mixer", "is it on PYTHONPATH"),
        ("os:system", "os is not your own code"),
        ("tests.mistakes:add_run", "no TokenMixer named add_run"),
    ],
)
def test_mistakes_are_named(entry, said):
    with pytest.raises(UserError, match=said):
        find_mixer(entry)


def test_a_name_is_registered_once_with_a_line_of_text(monkeypatch):
    monkeypatch.setattr(REGISTRY, "entries", dict(MIXERS))
    assert all(list_mixers().values())
    assert register_mixer("noisy", "batch norm and dropout")(Noisy) is Noisy
    assert find_mixer("noisy(rate=0.1)").keywords == {"rate": 0.1}
    with pytest.raises(ValueError, match="registered already"):
        register_mixer("attention", "another")(Noisy)
