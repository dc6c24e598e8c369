"""What tasks without labels share: networks by name, starting from weights."""

import jax
import numpy as np
import pytest

import effjax
from effjax.config import View
from effjax.errors import UserError
from effjax.export.write import export
from effjax.models import save_weights
from effjax.report import choose_display
from effjax.tasks.classification import Classification
from effjax.tasks.run import train
from tests.tasks.pretraining.conftest import tiny_config


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


@pytest.mark.slow
def test_a_run_goes_on_as_features_a_file_and_a_classifier(tmp_path):
    config = tiny_config()
    config.total_steps = 2.0
    train(config, tmp_path / "moco")
    student = effjax.load(tmp_path / "moco")
    teacher = effjax.load(f"{tmp_path}/moco:teacher")
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
    assert not np.allclose(student.features(images), teacher.features(images))
    with pytest.raises(UserError, match="has no classifier"):
        student.predict(images)
    display = choose_display(quiet=True)
    export(teacher, "safetensors", tmp_path / "encoder.safetensors", display)
    weights = {}
    for source in (f"{tmp_path}/moco:teacher", f"{tmp_path}/encoder.safetensors"):
        start = tiny_classifier(source)
        task = Classification(View(start))
        params, state = jax.jit(task.init)(jax.random.key(0), next(task.source().batches()))
        params, _, report = task.load(params, state, source)
        assert report["loaded"]
        assert len(report["replaced"]) == 2
        weights[source] = params["conv1"]["kernel"]
    one, other = weights.values()
    np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(one, teacher.variables["params"]["conv1"]["kernel"])


def tiny_classifier(source):
    config = tiny_config()
    config.task = effjax.default_config().task
    config.data.views = {}
    config.init_from = source
    return config
