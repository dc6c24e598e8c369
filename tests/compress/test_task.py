"""Training under masks."""

import jax
import numpy as np
import pytest

import effjax
from effjax.compress.masks import density
from effjax.compress.record import PICTURE, read_record
from effjax.compress.task import opened
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.tasks.run import build, restore, train


def config_of(**task):
    config = effjax.default_config()
    config.task.update(name="prune", method="magnitude", density=0.2, **task)
    config.model.update(
        name="resnet50",
        depths=(1,),
        dims=(4,),
        strides=(2,),
        remat=(False,),
        block="basic",
        stem_kernel=3,
        stem_stride=1,
        stem_pool=False,
    )
    config.data.update(
        name="synthetic", image_size=8, batch_size=8, synthetic_examples=16, synthetic_classes=3
    )
    config.optim.default.update(name="sgd", learning_rate=1e-2, weight_decay=0.1)
    config.schedule.update(name="constant", warmup_epochs=0.0)
    config.ema.decay = 0.5
    config.update(total_epochs=None, total_steps=4)
    config.evals.val.every_epochs = 1.0
    config.checkpoint.update(every_epochs=1.0)
    config.parallel.devices = 1
    return config


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("prune")
    train(config_of(), workdir, display=choose_display(quiet=True))
    return workdir


def state_of(workdir, step=None):
    setup, state = restore(workdir, choose_display(quiet=True), step)
    return setup.task, jax.device_get(state.params), jax.device_get(state)


def flat(tree):
    from flax import traverse_util

    return traverse_util.flatten_dict(tree, sep="/")


def test_no_norm_closes_its_branch():
    scale, kernel = np.zeros(3, np.float32), np.zeros((3, 3), np.float32)
    params = {"bn1": {"scale": scale + 0.5, "bias": scale}, "bn2": {"scale": scale, "bias": scale},
              "fc": {"kernel": kernel}}  # fmt: skip
    found = opened(params)
    np.testing.assert_array_equal(found["bn2"]["scale"], scale + 1)
    found["bn2"]["scale"] = scale
    jax.tree.map(np.testing.assert_array_equal, found, params)


@pytest.mark.slow
def test_a_channel_without_a_shortcut_learns(run):
    """Under masks that take the shortcut of the block, its branch has gradients."""
    task, _, _ = state_of(run)
    batch = next(iter(task.split.batches()))
    fresh, rest = task.init(jax.random.key(0), task.split.unpack({**batch, **task.split.resident}))
    closed = jax.tree.map(lambda leaf: leaf, fresh)
    closed["layer1_0"]["bn2"]["scale"] = 0 * fresh["layer1_0"]["bn2"]["scale"]

    def slope(params):
        params = jax.tree.map(lambda leaf: leaf, params)
        params["layer1_0"]["downsample_0"]["kernel"] *= 0
        images = task.images(task.split.unpack({**batch, **task.split.resident}))

        def first_logit(params):
            variables = {"params": params, "batch_stats": rest["batch_stats"]}
            return task.model.apply(variables, images, train=False)[:, 0].sum()

        return np.abs(jax.grad(first_logit)(params)["layer1_0"]["bn2"]["scale"]).max()

    assert slope(closed) == 0
    assert slope(fresh) > 0


def test_pruned_weights_are_zero_in_everything_that_is_saved(run):
    _, params, state = state_of(run)
    masks = flat(state.model_state["masks"])
    assert density(masks) == pytest.approx(0.2, abs=0.01)
    weights = flat(params)
    for path, mask in masks.items():
        assert not weights[path][mask == 0].any()
        assert weights[path][mask == 1].all()


def test_what_is_loaded_is_the_sparse_network_alone(run):
    trained = effjax.load(run)
    assert "masks" not in trained.variables
    _, _, state = state_of(run)
    weights = flat(trained.variables["params"])
    for path, mask in flat(state.model_state["masks"]).items():
        # the average began with the dense weights; what is handed on has none of them
        assert not np.asarray(weights[path])[mask == 0].any()


def test_a_run_goes_on_to_the_bit(run, tmp_path):
    short = config_of()
    short.total_steps = 2
    train(short, tmp_path, display=choose_display(quiet=True))
    train(config_of(), tmp_path, extend=True, display=choose_display(quiet=True))
    _, ours, _ = state_of(tmp_path)
    _, whole, _ = state_of(run)
    jax.tree.map(np.testing.assert_array_equal, ours, whole)


def test_the_record_says_what_is_left(run):
    record = read_record(run)
    assert record["density"] == pytest.approx(0.2, abs=0.01)
    assert (run / PICTURE).exists()


@pytest.mark.slow
@pytest.mark.parametrize("arm", ["shuffled", "random"])
def test_sanity_arms_keep_as_many_weights_of_each_layer(arm, run, tmp_path):
    train(config_of(arm=arm), tmp_path, display=choose_display(quiet=True))
    _, _, state = state_of(tmp_path)
    _, _, whole = state_of(run)
    theirs = flat(whole.model_state["masks"])
    differs = False
    for path, mask in flat(state.model_state["masks"]).items():
        assert mask.sum() == theirs[path].sum()
        differs |= bool((mask != theirs[path]).any())
    assert differs


@pytest.mark.slow
def test_pruning_during_training_reaches_the_density(tmp_path):
    config = config_of(every_steps=1, until_percent=75.0, rounds_schedule="cubic")
    train(config, tmp_path, display=choose_display(quiet=True))
    _, params, state = state_of(tmp_path)
    masks = flat(state.model_state["masks"])
    assert density(masks) == pytest.approx(0.2, abs=0.01)
    for path, mask in masks.items():
        assert not flat(params)[path][mask == 0].any()


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"density": 0.0}, "0 < density <= 1"),
        ({"arm": "shuffle"}, "expected one of method, shuffled, random"),
        ({"method": "snipp"}, "did you mean 'snip'"),
    ],
)
def test_mistakes_are_answered(task, message, tmp_path):
    config = config_of()
    config.task.update(task)
    with pytest.raises(UserError, match=message):
        train(config, tmp_path, display=choose_display(quiet=True))


@pytest.mark.slow
def test_two_of_every_four_inputs_stay(tmp_path):
    config = config_of(pattern="2:4")
    config.task.density = 0.5
    train(config, tmp_path, display=choose_display(quiet=True))
    _, params, state = state_of(tmp_path)
    weights = flat(params)
    masks = flat(state.model_state["masks"])
    grouped = [path for path, mask in masks.items() if mask.shape[-2] % 4 == 0]
    assert grouped
    for path in grouped:
        kept = weights[path] != 0
        groups = kept.reshape(*kept.shape[:-2], -1, 4, kept.shape[-1])
        assert (groups.sum(-2) == 2).all(), path


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"pattern": "2:4"}, "density = 0.2, but 2:4 keeps 0.5"),
        ({"pattern": "1:5", "rounds": 3}, "rounds: a pattern is chosen at once"),
        ({"pattern": "1:5", "scope": "erk"}, "scope: a pattern compares its own groups"),
        ({"pattern": "all"}, "expected N:M"),
    ],
)
def test_a_pattern_leaves_no_choice(wrong, says):
    with pytest.raises(UserError, match=says):
        build(config_of(**wrong))
