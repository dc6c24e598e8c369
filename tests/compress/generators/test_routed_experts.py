import jax
import jax.numpy as jnp
import numpy as np
import pytest

import effjax
from effjax.compress.generators.dit_parts import OpenBlock
from effjax.compress.generators.routed_experts import RoutedExperts
from effjax.compress.generators.routes import Routes, write_routes
from effjax.config import View
from effjax.diffusion import Guidance, Plan
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.runs.metrics import read_rows
from effjax.sample.generate import Request, generate
from effjax.sample.run import Wanted, sample
from effjax.tasks.diffusion.task import Diffusion
from tests.compress.generators.conftest import quick_compression

QUIET = choose_display(quiet=True)
ROUTES = Routes(
    "runs/x",
    8,
    (0, 0, 0, 1, 1, 1, 1, 0, 0, 0),
    (
        (OpenBlock(0, (0, 1), (0, 1, 2)), OpenBlock(1, (2,), (5,))),
        (OpenBlock(0, (3,), (0, 7)),),
    ),
)


@pytest.fixture
def task(tmp_path):
    write_routes(ROUTES, tmp_path)
    return RoutedExperts(View(quick_compression("routed_digits", routes=str(tmp_path))))


def some_params(task):
    rng = np.random.default_rng(0)
    params = {}
    for number, model in enumerate(task.experts):
        inputs = [jnp.zeros(x.shape, x.dtype) for x in model.example_inputs((1, 32, 32, 3))]
        shapes = jax.eval_shape(model.init, jax.random.key(0), *inputs)["params"]
        params[f"expert_{number}"] = jax.tree.map(
            lambda leaf: jnp.asarray(0.1 * rng.standard_normal(leaf.shape), jnp.float32), shapes
        )
    return params


def a_batch(labels):
    rng = np.random.default_rng(1)
    count = len(labels)
    return {
        "image": rng.integers(0, 256, (count, 32, 32, 3)).astype(np.uint8),
        "label": jnp.asarray(labels, jnp.int32),
        "mask": np.ones(count, np.float32),
        "index": np.arange(count),
    }


def test_what_it_does_not_do_is_refused(task, tmp_path):
    with pytest.raises(UserError, match="no second pass"):
        RoutedExperts(View(quick_compression("routed_digits", mask_ratio=0.3)))
    with pytest.raises(UserError, match="begins with its teacher"):
        task.load({}, {}, "runs/y")
    with pytest.raises(UserError, match="experts draw classes"):
        task.drawn_apart(np.asarray([1, 10]))
    config = quick_compression("routed_digits", routes=str(tmp_path))
    config.model.num_classes = 12
    with pytest.raises(UserError, match="has experts for 10 classes, the data 12"):
        _ = RoutedExperts(View(config)).routes


def test_an_expert_has_room_for_its_first_examples(task):
    # of eight examples 60 % and 40 %, and half as many more
    assert task.rooms(8) == [8, 5]
    serving = jnp.asarray([1, 0, 1, 1, 1, 1, 1, 0])
    assert task.fits(serving).tolist() == [True] * 6 + [False, True]


def test_in_training_each_expert_sees_its_own_examples(tmp_path):
    """The loss and its gradient are those of all experts on all examples, selected."""
    write_routes(ROUTES, tmp_path)
    # an example without its label would be sent elsewhere where all experts see all examples
    config = quick_compression("routed_digits", routes=str(tmp_path), label_dropout=0.0)
    task = RoutedExperts(View(config))
    batch = a_batch([0, 3, 4, 7, 5, 9, 1, 6])

    def loss_of(loss):
        def total(params):
            return loss(task, params, {}, batch, jax.random.key(2), jnp.zeros(()))[0]

        return jax.jit(jax.value_and_grad(total))(some_params(task))

    pairs = loss_of(RoutedExperts.loss), loss_of(Diffusion.loss)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), *pairs)


def test_examples_without_room_count_nothing(task):
    params = some_params(task)
    batch = a_batch([3, 4, 5, 6, 3, 4, 5, 6])
    loss = jax.jit(lambda batch: task.loss(params, {}, batch, jax.random.key(2), jnp.zeros(())))
    whole, (_, metrics) = loss(batch)
    assert metrics["left_out"][0] == 3
    # the five that fit, alone
    first = {**batch, "mask": jnp.asarray([1.0] * 5 + [0.0] * 3)}
    np.testing.assert_allclose(loss(first)[0], whole, rtol=1e-6)


def test_samples_are_those_of_their_expert_alone(task):
    """Whatever else is drawn, and in an order that mixes the experts."""
    params = {"params": some_params(task)}
    plan = Plan("euler", 2)
    labels = np.asarray([0, 3, 1, 4, 9])
    together = generate(task, params, Request(labels, plan, Guidance(2.0), batch=4))
    assert together.shape == (5, 32, 32, 3)
    network = task.experts[1]
    own = {"params": params["params"]["expert_1"]}
    x = jnp.ones((2, 32, 32, 3))
    told, seen = jnp.asarray([1.0, 1.0]), jnp.asarray([3, 10])
    found = task.denoise(params, x, told, seen, classes=jnp.asarray([3, 3]))
    np.testing.assert_allclose(found, network.apply(own, x, told, seen), rtol=1e-5)
    one = generate(task, params, Request(labels[:2], plan, Guidance(2.0), batch=2))
    assert np.abs(one.astype(int) - together[:2]).max() <= 1


@pytest.mark.slow
def test_experts_learn_their_classes_and_draw(small_router, tmp_path):
    config = quick_compression("routed_digits", routes=str(small_router))
    summary = effjax.train(config, tmp_path / "run", display=QUIET)
    assert summary["macs"] <= 0.8 * summary["teacher_macs"]
    final = {name: value for row in read_rows(tmp_path / "run") for name, value in row.items()}
    assert np.isfinite(final["val_ema/loss"])
    wanted = Wanted(classes="3,1", count=1, steps=2, out=(tmp_path / "a.png",))
    assert sample(tmp_path / "run", QUIET, wanted).shape == (2, 32, 32, 3)
