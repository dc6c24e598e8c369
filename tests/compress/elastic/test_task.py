"""Training an elastic network."""

import copy

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import effjax
from effjax.compress.elastic.children import RANKS
from effjax.compress.elastic.supernet import KERNELS, without_kernels
from effjax.compress.sites import flat
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.tasks.distillation import soft
from effjax.tasks.run import build, restore, train
from tests.compress.elastic.conftest import SIDE, config_of


@pytest.fixture(autouse=True)
def singles(doubles):
    with jax.enable_x64(False):
        yield


def task_of(**task):
    return build(config_of(**task)).task


def shapes_of(task):
    batch = {"image": jax.ShapeDtypeStruct((2, SIDE, SIDE, 3), np.uint8)}
    return jax.eval_shape(task.init, jax.random.key(0), batch)


def test_matrices_are_learned_with_the_network_and_are_none_of_it():
    task = task_of()
    params, model_state = shapes_of(task)
    assert params[KERNELS]["stages_0"]["blocks_0"]["token_mixer"]["dwconv"]["5to3"].shape == (9, 9)
    assert not any(path.startswith(KERNELS) for path in task.class_paths(params))
    depths, _ = task.depths(params)
    block = depths["stages_0"]["blocks_1"]["mlp"]["fc1"]["kernel"]
    assert depths[KERNELS]["stages_0"]["blocks_1"]["token_mixer"]["dwconv"]["5to3"] == block
    network, rest = task.network_alone(params, model_state)
    assert KERNELS not in network
    assert RANKS not in rest


def test_a_linear_probe_is_refused():
    with pytest.raises(UserError, match="learns its backbone"):
        task_of(frozen="backbone")


def test_shrinking_begins_with_the_network_itself():
    task = task_of(recipe="shrinking")
    assert len(task.opened) == 4  # the whole, windows, depths, widths
    assert [task.variant(step).begun for step in range(4)] == [False, True, True, True]
    assert task.between_every(task._clock) == 1
    assert task_of().variant(0) == ()


@pytest.mark.slow
def test_the_loss_is_that_of_the_labels_and_of_what_the_largest_says():
    config = config_of(children=0)
    config.model.update(drop_path_rate=0.0, head_dropout=0.0)  # which the largest alone has
    task = build(config).task
    key = jax.random.key(0)
    rng = np.random.default_rng(0)
    batch = {
        "image": jnp.asarray(rng.integers(0, 255, (4, SIDE, SIDE, 3)), jnp.uint8),
        "label": jnp.asarray([0, 1, 2, 0]),
        "index": jnp.arange(4),
        "mask": jnp.asarray([1.0, 1.0, 1.0, 0.0]),
    }
    params, model_state = jax.jit(task.init)(key, batch)
    loss = jax.jit(task.loss)(params, model_state, batch, key, 0)[0]
    images = task.images(batch)
    largest = task.model.apply({"params": without_kernels(params)[0]}, images)
    point = task.supernet.space.smallest
    model = task.model.clone(architecture=task.supernet.space.decode(point))

    @jax.jit
    def smallest(params):
        ranks = model_state[RANKS]
        _, variables = task.supernet.extracted(params, {}, ranks, point)
        return model.apply(variables, images)

    want = optax.softmax_cross_entropy_with_integer_labels(largest, batch["label"])
    want += soft(smallest(params), largest, 1.0)
    assert float(loss) == pytest.approx(float(want[:3].mean()), rel=1e-5)


@pytest.mark.slow
def test_drawn_children_teach_the_matrices(run):
    setup, state = restore(run, choose_display(quiet=True))
    fresh = jax.device_get(setup.task.supernet.matrices())
    moved = flat(jax.device_get(state.params[KERNELS]))
    assert any(np.abs(moved[path] - matrix).max() > 0 for path, matrix in flat(fresh).items())


@pytest.mark.slow
def test_what_is_loaded_is_the_largest_network_alone(run):
    trained = effjax.load(run)
    assert set(trained.variables) == {"params"}
    assert KERNELS not in trained.variables["params"]


@pytest.mark.slow
def test_a_run_goes_on_to_the_bit(run, tmp_path):
    config = config_of(children=1, pairs=8)
    half = copy.deepcopy(config)
    half.total_steps = 2
    train(half, tmp_path, display=choose_display(quiet=True))
    train(config, tmp_path, extend=True, display=choose_display(quiet=True))
    states = []
    for workdir in (run, tmp_path):
        _, state = restore(workdir, choose_display(quiet=True))
        states.append(flat(jax.device_get(state.params)))
    for path, array in states[0].items():
        np.testing.assert_array_equal(array, states[1][path], err_msg=path)


@pytest.mark.slow
def test_shrinking_sorts_channels_before_widths(tmp_path):
    train(config_of(recipe="shrinking", children=1), tmp_path, display=choose_display(quiet=True))
    setup, state = restore(tmp_path, choose_display(quiet=True))
    ranks = jax.device_get(state.model_state[RANKS])
    fresh = setup.task.supernet.fresh_ranks()
    assert any((ranks[name] != fresh[name]).any() for name in fresh)
