"""The groups of each family."""

import jax
import jax.numpy as jnp
import numpy as np

from effjax import models
from effjax.compress.sites import flat, nested, sites_of


def test_groups_of_a_metaformer():
    model = models.create_model("caformer_s18", depths=(1, 1, 1, 1), dims=(8, 8, 64, 64))
    variables = jax.eval_shape(model.init, jax.random.key(0), jnp.ones((1, 32, 32, 3)))
    sites = {site.group.name: site for site in sites_of(model, variables)}
    assert len(sites) == 2 + 2 + 4
    heads = sites["stages_2/blocks_0/token_mixer/qkv"]
    assert (heads.group.size, heads.field) == (2, "mixers.heads")
    hidden = sites["stages_0/blocks_0/token_mixer/pwconv1"]
    assert (hidden.group.size, hidden.field) == (16, "mixers.hidden")
    # widths of stages pass a LayerNorm: they are no sites
    assert not any(site.field == "widths" for site in sites.values())


def test_groups_of_a_resnet():
    model = models.create_model("resnet18")
    variables = jax.eval_shape(model.init, jax.random.key(0), jnp.ones((1, 32, 32, 3)))
    sites = {site.group.name: site for site in sites_of(model, variables)}
    # the first stage has no shortcut of its own: its channels are those of the stem
    stem = sites["conv1"]
    readers = [member.path for member in stem.group.members if member.role == "in"]
    assert "params/layer2_0/downsample_0/kernel" in readers
    arrays = flat(variables)
    for site in sites.values():
        for member in site.group.members:
            entries = np.shape(arrays[member.path])[member.axis]
            assert entries == site.group.size * member.unit * member.repeats


def test_paths_and_trees():
    tree = {"params": {"a": {"b": 1}}}
    assert flat(tree) == {"params/a/b": 1}
    assert nested(flat(tree)) == tree
