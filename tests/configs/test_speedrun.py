"""The CIFAR-10 speed run: configs/speedrun/cifar10_94.py and the program that it describes."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from benchmarks import airbench
from benchmarks.airbench_run import Data, Rules, Run, looked_ahead
from effjax.config import load
from effjax.errors import UserError
from effjax.optim.matrices import orthogonalized

CONFIG = "configs/speedrun/cifar10_94.py"


def rules(word="", **changes):
    overrides = [
        f"--config.{key}={value}" for key, value in {"dtype": "float32", **changes}.items()
    ]
    return Rules(**load(f"{CONFIG}{word}", overrides, Rules))


def pixels(count, seed=0, side=32):
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3)).astype(np.uint8)


def test_an_image_is_seen_flipped_and_as_it_is_in_turn():
    first = jnp.array([True, False])
    images = jnp.asarray(pixels(2), jnp.float32)
    seen = [airbench.mirrored(images, airbench.is_mirrored(first, jnp.int32(e))) for e in range(4)]
    turned = images[:, :, ::-1]
    for epoch, views in enumerate(seen):
        one, other = (turned, images) if epoch % 2 == 0 else (images, turned)
        np.testing.assert_array_equal(views[0], one[0])
        np.testing.assert_array_equal(views[1], other[1])


def test_windows_of_reflected_borders_are_shifts():
    images = jnp.asarray(pixels(3, side=6))
    bordered = airbench.padded(images, 2)
    np.testing.assert_array_equal(bordered[:, 0], bordered[:, 4])  # two beyond the edge, two within
    same = airbench.shifted(bordered, jnp.full((3, 2), 2), 2)
    np.testing.assert_array_equal(same, images)
    moved = airbench.shifted(bordered, jnp.array([[0, 2], [2, 4], [3, 1]]), 2)
    np.testing.assert_array_equal(moved[0][2:], images[0][:-2])  # down by two
    np.testing.assert_array_equal(moved[1][:, :-2], images[1][:, 2:])  # left by two
    np.testing.assert_array_equal(moved[2][:-1, 1:], images[2][1:, :-1])  # up and right by one


def test_the_stem_whitens_the_patches():
    images = np.random.default_rng(0).standard_normal((40, 9, 9, 3)) @ np.diag([3.0, 1.0, 0.5])
    images = np.cumsum(images, axis=2)  # neighbours are alike
    with jax.enable_x64():
        kernel = airbench.whitening(jnp.asarray(images), eps=0.0)
        out = airbench._convolved(jnp.asarray(images), kernel, "VALID")
        first = np.asarray(out[..., :12]).reshape(-1, 12)
        np.testing.assert_allclose(first.T @ first / len(first), np.eye(12), atol=1e-9)
        np.testing.assert_array_equal(out[..., 12:], -out[..., :12])


def test_six_views_are_weighted_as_they_are_drawn():
    """Half of the views are shifted, half of them mirrored, each independently."""
    images = jnp.asarray(pixels(2, side=5), jnp.float32)
    weights = jnp.asarray(np.random.default_rng(1).standard_normal((5, 5, 3, 4)))
    predict = lambda x: jnp.tanh(jnp.einsum("bhwc,hwck->bk", x / 255, weights))  # noqa: E731
    by_hand = 0.0
    bordered = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    for corner, weight in ((1, 0.5), (0, 0.25), (2, 0.25)):
        view = bordered[:, corner : corner + 5, corner : corner + 5]
        by_hand += weight * (predict(view) + predict(view[:, :, ::-1])) / 2
    np.testing.assert_allclose(airbench.over_views(predict, images), by_hand, rtol=1e-5)


def test_fresh_kernels_pass_their_inputs_on_and_the_head_has_its_spread():
    params, stats = airbench.init(jax.random.key(0), rules(widths=(24, 32, 40)))
    kernel = np.asarray(params["group2"]["conv1"])
    assert kernel.shape == (3, 3, 24, 32)
    np.testing.assert_array_equal(kernel[1, 1, :, :24], np.eye(24))
    assert np.abs(kernel[..., :24]).sum() == 24
    assert 0.5 / 216**0.5 < np.abs(kernel[..., 24:]).max() <= 1 / 216**0.5
    assert float(jnp.std(params["head"]["kernel"], ddof=1)) == pytest.approx(1.0, rel=1e-5)
    assert stats["group3"]["var2"].shape == (40,)
    of_paper = airbench.init(jax.random.key(0), rules(":sgd"))[0]
    np.testing.assert_array_equal(of_paper["whiten"]["bias"], 0.0)
    assert jnp.abs(of_paper["head"]["kernel"]).max() <= 1 / 16


def test_running_statistics_follow_the_batch_as_in_pytorch():
    x = np.random.default_rng(0).standard_normal((4, 3, 3, 2)).astype(np.float32) * 2 + 1
    y, mean, var = airbench._normed(jnp.asarray(x), jnp.zeros(2), jnp.ones(2), rules(), True)
    flat = x.reshape(-1, 2)
    np.testing.assert_allclose(mean, 0.4 * flat.mean(0), rtol=1e-4)
    np.testing.assert_allclose(var, 0.6 + 0.4 * flat.var(0, ddof=1), rtol=1e-4)
    np.testing.assert_allclose(np.std(np.asarray(y).reshape(-1, 2), 0), 1.0, rtol=1e-4)
    y, *_ = airbench._normed(jnp.asarray(x), jnp.ones(2), jnp.full(2, 4.0), rules(), False)
    np.testing.assert_allclose(y, (x - 1) / 2, rtol=1e-4, atol=1e-6)


def test_the_triangle_and_the_ramp_of_the_stem():
    paper = airbench.share(rules(":sgd"), 100)
    np.testing.assert_allclose([paper(0), paper(23), paper(100)], [0.2, 1.0, 0.07], rtol=1e-6)
    record = airbench.share(rules(), 8)
    np.testing.assert_allclose([record(0), record(2), record(8)], [1.0, 0.75, 0.0])


def test_two_updates_of_each_group():
    """The record's rules, written out; a group that learns no more stays."""
    own = rules(widths=(24, 24, 24))
    params, _ = airbench.init(jax.random.key(0), own)
    grads = jax.tree.map(lambda p: jnp.cos(jnp.arange(p.size)).reshape(p.shape), params)
    tx = airbench.optimizer(own, steps=4, whiten_steps=1)
    state, there = tx.init(params), params
    for _ in range(2):
        updates, state = tx.update(grads, state, there)
        there = optax.apply_updates(there, updates)

    p, g, buf = params["head"]["kernel"], grads["head"]["kernel"], 0.0
    q, h, buf_q = params["group1"]["conv2"], grads["group1"]["conv2"], 0.0
    for step in range(2):
        at = 1 - step / 4
        d = g + own.decay / own.head_rate * p
        buf = own.momentum * buf + d
        p = p - own.head_rate * at * (d + own.momentum * buf)
        buf_q = own.kernel_momentum * buf_q + h
        u = (h + own.kernel_momentum * buf_q).reshape(-1, 24)
        q = q * 24**0.5 / jnp.linalg.norm(q)
        q = q - own.kernel_rate * at * orthogonalized(u, 3).reshape(q.shape)
    np.testing.assert_allclose(there["head"]["kernel"], p, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(there["group1"]["conv2"], q, rtol=1e-4, atol=1e-5)
    bias, slope = params["whiten"]["bias"], grads["whiten"]["bias"]
    slope = slope + own.decay / own.whiten_rate * bias
    expected = bias - own.whiten_rate * (1 + own.momentum) * slope  # in the first update alone
    np.testing.assert_allclose(there["whiten"]["bias"], expected, rtol=1e-4, atol=1e-6)


def colours(count):
    """Images of one colour each, with noise, in four classes; a quarter of them for tests."""
    labels = np.arange(count) % 4
    table = np.array([[220, 30, 30], [30, 220, 30], [30, 30, 220], [200, 200, 30]])
    images = (table[labels][:, None, None] + pixels(count) // 8).astype(np.uint8)
    few = count // 4
    return Data(*map(jnp.asarray, (images, labels, images[:few], labels[:few])))


@pytest.mark.parametrize("word", ["", ":sgd"])
def test_colours_are_learned(word):
    sizes = {"widths": (24, 24, 24), "batch_size": 32, "stem_examples": 64, "views": False}
    rates = {"head_rate": 0.05} if word else {}
    run = Run(rules(word, epochs=6.0, **sizes, **rates), 64)
    result = run.one_by_one(jax.random.key(0), colours(64))
    assert result.losses.shape == (12,)
    assert list(np.isfinite(result.accuracies)) == [False, True] * 6
    assert float(result.final) > 0.9


@pytest.mark.parametrize(("word", "updates"), [("", 200), (":sgd", 476)])
def test_the_whole_program_can_be_traced(word, updates):
    """At its full size and in bfloat16: that it runs takes a GPU."""
    shapes = ((50000, 32, 32, 3), (50000,), (10000, 32, 32, 3), (10000,))
    kinds = (np.uint8, np.int32, np.uint8, np.int32)
    data = Data(*map(jax.ShapeDtypeStruct, shapes, kinds))
    run = Run(rules(word, dtype="bfloat16"), 50000)
    result = jax.eval_shape(run.one_program, jax.random.key(0), data)
    assert result.losses.shape == result.accuracies.shape == (updates,)
    assert result.final.shape == ()


@pytest.mark.slow  # XLA's convolutions in a loop
def test_one_program_does_what_the_updates_do_one_by_one():
    run = Run(rules(":quick", test_examples=16, batch_size=8), 16)
    data, key = colours(16), jax.random.key(1)
    one, other = jax.jit(run.one_program)(key, data), run.one_by_one(key, data)
    for found, expected in zip(one, other, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_lookahead_meets_every_fifth_update():
    run = Run(rules(":sgd", widths=(24, 24, 24), batch_size=8, epochs=10.0), 16)
    _, state = run.begin(jax.random.key(0), colours(16))
    fast = jax.tree.map(lambda p: p + 1, (state.params, state.stats))
    state = state._replace(params=fast[0], stats=fast[1])
    apart = looked_ahead(state, jnp.int32(4), run.total)
    np.testing.assert_array_equal(apart.slow[0]["head"]["kernel"], state.slow[0]["head"]["kernel"])
    np.testing.assert_array_equal(apart.params["head"]["kernel"], state.params["head"]["kernel"])
    met = looked_ahead(state, jnp.int32(10), run.total)
    keep = 0.95**5 / 8  # of the slow weights, halfway
    expected = state.slow[0]["head"]["kernel"] + (1 - keep)
    np.testing.assert_allclose(met.slow[0]["head"]["kernel"], expected, rtol=1e-5)
    np.testing.assert_array_equal(met.params["head"]["kernel"], met.slow[0]["head"]["kernel"])
    assert run.last_weights(met) is met.slow


def test_a_batch_of_too_many_is_a_mistake():
    with pytest.raises(UserError, match="100 examples are no batch"):
        Run(rules(), 100)
