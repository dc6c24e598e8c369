"""What tasks without labels share: networks by name, starting from weights."""

import jax
import numpy as np
import pytest

from effjax.errors import UserError
from effjax.models import save_weights


def test_networks_are_handed_over_by_name(contrast):
    task, params, state, _ = contrast
    state = {**state, "teacher": jax.tree.map(lambda leaf: leaf + 1.0, state["teacher"])}
    student = task.hand_over(params, state, None)
    teacher = task.hand_over(params, state, "teacher")
    assert set(student) == {"params", "batch_stats"}
    for one, other in zip(jax.tree.leaves(student), jax.tree.leaves(teacher)):
        np.testing.assert_allclose(one + 1.0, other)
    with pytest.raises(UserError, match="has no network 'pupil'; it has student, teacher"):
        task.hand_over(params, state, "pupil")


def test_weights_to_start_from_are_taken_by_both(contrast, tmp_path):
    task, params, state, _ = contrast
    variables = task.hand_over(params, state, None)
    given = jax.tree.map(lambda leaf: leaf * 0.0 + 0.5, variables)
    save_weights(task.model, given, tmp_path / "w.safetensors")
    new, new_state, report = task.load(params, state, str(tmp_path / "w.safetensors"))
    for network in task.networks:
        for leaf in jax.tree.leaves(task.hand_over(new, new_state, network)):
            np.testing.assert_array_equal(leaf, 0.5)
    assert report["loaded"]
    assert not report["replaced"]
    # heads stay as they were drawn
    assert jax.tree.all(jax.tree.map(np.array_equal, new["head"], params["head"]))


def test_a_network_states_depths_for_layer_decay(contrast):
    task, params, _, _ = contrast
    depths, last = task.depths(params)
    assert last == task.model.layer_count
    assert set(jax.tree.leaves(depths["head"])) == {last}
    assert 0 in jax.tree.leaves(depths["encoder"])
