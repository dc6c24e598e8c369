"""Parts of a group share its entry of the config and its norm."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effjax.errors import UserError
from effjax.training.parts import check_parts, clip_together, group_of, part_label


def test_a_part_is_served_by_its_group_or_by_an_entry_of_its_own():
    assert [part_label("default", number) for number in (0, 2)] == ["default", "default_part2"]
    assert group_of("default_part2", {"default"}) == "default"
    assert group_of("default_part2", {"default", "default_part2"}) == "default_part2"
    assert group_of("head", {"default"}) == "head"


@pytest.mark.parametrize("max_norm", [1.0, 100.0])
def test_parts_are_clipped_as_the_whole(max_norm):
    whole = {"a": jnp.full(4, 3.0), "b": {"c": jnp.full((2, 2), -4.0)}}
    clip = optax.clip_by_global_norm(max_norm)
    expected, _ = clip.update(whole, clip.init(whole))
    first, second = clip_together([{"a": whole["a"]}, whole["b"]], max_norm)
    jax.tree.map(np.testing.assert_array_equal, {**first, "b": second}, expected)


@pytest.mark.parametrize(
    ("optimizer", "settings"),
    [
        ("prodigy", {}),
        ("lamb", {}),
        ("adan", {"max_grad_norm": 1.0}),
        ("lookahead", {"inner": "dog"}),
    ],
)
def test_one_number_of_all_parameters_is_refused(optimizer, settings):
    with pytest.raises(UserError, match=f"{optimizer} takes one number over all"):
        check_parts("default", optimizer, settings)


@pytest.mark.parametrize(
    ("optimizer", "settings"),
    [("adamw", {}), ("lamb", {"max_grad_norm": None}), ("lookahead", {"inner": "adan"})],
)
def test_others_pass(optimizer, settings):
    check_parts("default", optimizer, settings)
