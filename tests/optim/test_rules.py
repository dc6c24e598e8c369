import jax
import jax.numpy as jnp
import pytest

from effjax.optim import layer_depths, layer_scales, match_rules, parameter_paths, unused_rules

PARAMS = {
    "stem": {"kernel": jnp.ones((3, 4)), "bias": jnp.ones(4)},
    "blocks": [{"scale": jnp.ones(4)}, {"scale": jnp.ones(4)}],
}


def test_paths():
    assert parameter_paths(PARAMS) == [
        "blocks/0/scale",
        "blocks/1/scale",
        "stem/bias",
        "stem/kernel",
    ]


def test_the_first_match_wins():
    rules = [("stem", 1.0), ("kernel", 2.0), ("blocks/1", 3.0), (".*", 4.0)]
    assert match_rules(rules, PARAMS) == {
        "stem": {"kernel": 1.0, "bias": 1.0},
        "blocks": [{"scale": 4.0}, {"scale": 3.0}],
    }
    assert unused_rules(rules, PARAMS) == ["kernel"]


def test_every_parameter_must_be_covered():
    with pytest.raises(ValueError, match=r"for decay covers 'blocks/0/scale', .* 1 more; add"):
        match_rules([("^$", True)], PARAMS, what="decay")
    with pytest.raises(ValueError, match=r"covers 'stem/bias'; add a last rule"):
        match_rules([("kernel|scale", True)], PARAMS)


def test_a_broken_expression_is_named():
    with pytest.raises(ValueError, match=r"'\(' for decay is not a regular expression"):
        match_rules([("(", True)], PARAMS, what="decay")


def test_layers_from_the_stem_to_the_head():
    names = ["stem", "stages_0/blocks_0", "stages_0/blocks_1", "stages_1/downsample"]
    names += ["stages_1/blocks_0", "stages_1/blocks_10", "stages_1/blocks_2", "head/fc"]
    tree = {}
    for name in names:
        at = tree
        for part in name.split("/"):
            at = at.setdefault(part, {})
        at["kernel"] = jnp.ones(2)
    depths = dict(zip(parameter_paths(tree), jax.tree.leaves(layer_depths(tree))))
    assert [depths[f"{name}/kernel"] for name in names] == [0, 1, 2, 3, 3, 5, 4, 6]
    scales = layer_scales(tree, 0.5)
    assert scales["head"]["fc"]["kernel"] == 1.0
    assert scales["stem"]["kernel"] == 0.5**6


def test_layers_of_a_vision_transformer():
    """Embeddings at the bottom, the final norm with the head, as in BEiT's and MAE's code."""
    leaf = {"kernel": jnp.ones(2)}
    tree = {f"blocks_{i}": leaf for i in range(12)} | {"pos_embed": jnp.ones(2)}
    depths = layer_depths(tree | {"norm": leaf, "head": leaf, "patch_embed": {"proj": leaf}})
    assert [depths[f"blocks_{i}"]["kernel"] for i in range(12)] == list(range(1, 13))
    assert depths["pos_embed"] == depths["patch_embed"]["proj"]["kernel"] == 0
    assert depths["norm"]["kernel"] == depths["head"]["kernel"] == 13
