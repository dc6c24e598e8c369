import jax.numpy as jnp
import pytest

from effjax.optim import match_rules, parameter_paths, unused_rules

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
