"""Classification: losses and evaluation against closed forms, weights from another run."""

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

import effjax
from effjax import models
from effjax.config import View, check
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.runs.schema import RunConfig
from effjax.tasks.accuracy import Accuracy
from effjax.tasks.classification import Classification
from effjax.tasks.run import build
from effjax.tasks.trained_network import trained_network

# of a section `model`, which a config has beside the fields of an architecture
BARE = {"num_classes": None, "dtype": "float32", "param_dtype": "float32", "arch": None}


def tiny(**changes):
    config = effjax.default_config()
    config.total_steps = 2.0
    config.data.update(name="synthetic", image_size=16, batch_size=16, synthetic_examples=40)
    config.data.augment.update(crop="none", hflip=0.0)
    config.model.update(
        name="caformer_s18",
        depths=(1, 1, 1, 1),
        dims=(8, 8, 32, 32),
        patch_kernels=3,
        patch_strides=(2, 2, 1, 1),
        patch_pads=1,
        mixers="identity",  # compiles soonest
    )
    config.parallel.devices = 1
    config.log.update(tensorboard=False, curves=False)
    config.update(changes)
    return config


def train(config, workdir):
    return effjax.train(config, workdir, display=choose_display(quiet=True))


@pytest.fixture(scope="module")
def task():
    config = tiny()
    check(config, RunConfig)
    return Classification(View(config))


def test_evaluation_counts_every_example_once(task):
    """40 images in batches of 16: eight of the last batch are padding."""

    def predict(variables, batch):
        # a fixed guess, right for class 3 only
        return jnp.tile(jax.nn.one_hot(3, 10) * 5.0, (batch["label"].shape[0], 1))

    evaluator = Accuracy(predict, task.config, task.config.evals.val)
    batches = list(evaluator.source.batches())
    labels = np.concatenate([b["label"][b["mask"] > 0] for b in batches])
    assert len(labels) == 40
    found = dict(evaluator({"params": {}}, None, batches))
    share = np.mean(labels == 3)
    assert found["top1"] == pytest.approx(share)
    # all other classes tie at zero, so none of them is among five
    assert found["top5"] == pytest.approx(share)
    log_sum = np.log(np.exp(5.0) + 9.0)
    assert found["loss"] == pytest.approx(log_sum - 5.0 * share, rel=1e-5)


def test_losses_are_those_of_their_papers(task):
    logits = jnp.asarray([[1.0, -2.0, 0.5]])
    targets = jnp.asarray([[0.2, 0.0, 0.8]])
    soft = -(targets * jax.nn.log_softmax(logits)).sum()
    np.testing.assert_allclose(task.losses(logits, targets, None), [soft], rtol=1e-6)
    config = tiny()
    config.task.loss = "binary_cross_entropy"
    binary = Classification(View(config))
    p = jax.nn.sigmoid(logits)
    expected = -(targets * jnp.log(p) + (1 - targets) * jnp.log(1 - p)).mean()
    np.testing.assert_allclose(binary.losses(logits, targets, None), [expected], rtol=1e-6)


def test_an_unknown_loss_is_named():
    config = tiny()
    config.task.loss = "hinge"
    with pytest.raises(UserError, match=r"unknown loss .*'hinge'.*cross_entropy"):
        Classification(View(config))


def test_float16_is_refused():
    config = tiny()
    config.model.dtype = "float16"
    with pytest.raises(UserError, match="use bfloat16"):
        _ = Classification(View(config)).model


def test_models_with_positions_are_told_the_size_of_the_images():
    config = tiny()
    config.data.image_size = (16, 32)
    config.model = ml_collections.ConfigDict({"name": "vit_tiny_patch16_224"} | BARE)
    assert Classification(View(config)).model.architecture.image_size == (16, 32)
    config.data.image_size = 32
    assert Classification(View(config)).model.architecture.image_size is None


def test_tensors_are_renamed_and_left_out_on_the_way_in(tmp_path):
    config = tiny(init_rename=(("^encoder[.]", ""),), init_ignore=("^head[.]fc",))
    task = Classification(View(config))
    shapes = models.abstract_variables(task.model, task.split.image_shape)
    ones = jax.tree.map(lambda leaf: np.ones(leaf.shape, leaf.dtype), shapes)
    state = models.weights.to_torch(task.model, ones)
    state = {f"encoder.{name}": value for name, value in state.items()}
    models.weights.write_state(state, tmp_path / "w.safetensors")
    zeros = jax.tree.map(np.zeros_like, ones)
    params, _, report = task.load(zeros["params"], {}, str(tmp_path / "w.safetensors"))
    assert params["stem"]["conv"]["bias"].all()
    assert not params["head"]["fc"]["fc1"]["bias"].any()
    assert {name.partition(".fc")[0] for name in report["left_out"]} == {"head"}


@pytest.mark.slow
def test_it_starts_from_another_run(tmp_path):
    first = tmp_path / "first"
    train(tiny(), first)
    config = tiny(init_from=str(first))
    config.data.synthetic_classes = 7
    setup = build(config)
    state = setup.fresh()
    params, _, report = setup.task.load(state.params, state.model_state, str(first))
    donor, trained = trained_network(first)
    assert donor.model.num_classes == 10
    # seven of its ten classes are here, under the same names
    assert len(report["classes known by name"]) == 7
    assert sorted(report["adapted"]) == ["head.fc.fc2.bias", "head.fc.fc2.weight"]
    kept, whole = (p["head"]["fc"]["fc2"]["kernel"] for p in (params, trained["params"]))
    np.testing.assert_array_equal(kept, whole[:, :7])
    same = jax.tree.map(np.array_equal, params["stem"], trained["params"]["stem"])
    assert all(jax.tree.leaves(same))

    config = tiny(init_from=str(first))
    config.model.dims = (8, 8, 8, 8)
    setup = build(config)
    with pytest.raises(UserError) as caught:
        setup.task.load(setup.abstract.params, setup.abstract.model_state, str(first))
    remedy = f"take its architecture: --config.model.name={first}"
    assert str(caught.value).splitlines()[1] == remedy
    assert "has dims=(8, 8, 32, 32), which config.model (caformer_s18)" in str(caught.value)
    # what the message says to type
    config.update(init_from=None)
    config.model.name = str(first)
    setup = build(config)
    assert setup.task.model.architecture == donor.model.architecture
    assert setup.config.init_from == str(first)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(UserError):
        train(tiny(init_from=str(tmp_path / "nothing")), tmp_path / "second")
    assert not (tmp_path / "second").exists()


@pytest.mark.slow
def test_a_frozen_backbone_stays_and_runs_as_in_evaluation(tmp_path):
    config = tiny()
    config.task.frozen = "backbone"
    config.model.update(drop_path_rate=0.9)
    setup = build(config)
    labels = setup.groups.labels
    assert set(jax.tree.leaves(labels["stages_0"])) == {"frozen"}
    assert set(jax.tree.leaves(labels["head"]["norm"])) == {"frozen"}
    assert set(jax.tree.leaves(labels["head"]["fc"])) == {"default"}
    train(config, tmp_path / "run")
    _, trained = trained_network(tmp_path / "run")
    trained, before = jax.device_get((trained, setup.fresh().params))
    for part in ("stem", "stages_3"):
        jax.tree.map(np.testing.assert_array_equal, trained["params"][part], before[part])
    moved = trained["params"]["head"]["fc"]["fc1"]["kernel"] - before["head"]["fc"]["fc1"]["kernel"]
    assert np.abs(moved).max() > 0
    # nothing is dropped: the loss is that of the network in evaluation
    with setup.source.batches() as batches:
        batch = next(batches)
    found = [
        setup.task.loss(before, {}, batch, jax.random.key(i), jnp.zeros((), int))[0] for i in (0, 1)
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize("frozen", ["nothing_of_that_name", ".*"])
def test_freezing_all_or_nothing_is_refused(frozen):
    config = tiny()
    config.task.frozen = frozen
    with pytest.raises(UserError, match=r"freezes (all|none) of the parameters"):
        build(config)


@pytest.mark.parametrize(
    ("section", "changes", "message"),
    [
        ("task", {"focal_gamma": 1.0}, "focal_gamma is for --config.task.loss=focal"),
        ("task", {"class_weights": (("class_99", 2.0),)}, "class_weights: no class 'class_99'"),
        ("task", {"class_weights": (("class_1", 0.0),)}, "out of range"),
        ("data", {"balance": 0.5}, "correct for the same thing"),
    ],
)
def test_weights_and_losses_that_do_not_fit_are_refused(section, changes, message):
    config = tiny()
    if section == "data":
        config.task["class_weights"] = "balanced"
    config[section].update(changes)
    check(config, RunConfig)
    with pytest.raises(UserError, match=message):
        _ = Classification(View(config)).class_weights


def test_a_mixed_label_has_the_mixed_weight():
    config = tiny()
    config.task.update(loss="focal", focal_gamma=1.0, class_weights=(("class_1", 3.0),))
    check(config, RunConfig)
    task = Classification(View(config))
    targets = np.zeros((2, 10), np.float32)
    targets[:, :2] = [[0.5, 0.5], [1.0, 0.0]]
    assert (targets @ task.class_weights).tolist() == [2.0, 1.0]
    assert task.loss_function.keywords == {"gamma": 1.0}
