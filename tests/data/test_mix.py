"""Mixup, cutmix, erasing and label smoothing against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.data import MixConfig, mix_batch, normalise
from effjax.data.erase import rectangle
from effjax.data.mix import blend, cutmix_box, mirror, smooth_labels
from effjax.errors import UserError

KEY = jax.random.key(0)
B, H, W, K = 32, 12, 16, 10


@pytest.fixture(scope="module")
def batch():
    images = jax.random.normal(jax.random.key(1), (B, H, W, 3))
    labels = jax.nn.one_hot(jax.random.randint(jax.random.key(2), (B,), 0, K), K)
    return images, labels


def mix(images, labels, index=None, **settings):
    index = jnp.arange(len(images)) if index is None else index
    mixed = jax.jit(mix_batch, static_argnums=4)
    return mixed(KEY, images, labels, index, MixConfig(**settings))


def test_normalise_is_per_channel():
    pixels = jnp.array([0, 128, 255], jnp.uint8).reshape(1, 1, 1, 3)
    out = normalise(pixels, (0.5, 0.4, 0.3), (0.1, 0.2, 0.5))
    expected = (np.array([0, 128 / 255, 1]) - [0.5, 0.4, 0.3]) / [0.1, 0.2, 0.5]
    np.testing.assert_allclose(out.ravel(), expected, rtol=1e-6)
    assert normalise(pixels, (0.5,) * 3, (0.5,) * 3, jnp.bfloat16).dtype == jnp.bfloat16


def test_nothing_set_changes_nothing(batch):
    images, labels = mix(*batch)
    np.testing.assert_array_equal(images, batch[0])
    np.testing.assert_array_equal(labels, batch[1])


def test_smoothing():
    np.testing.assert_allclose(smooth_labels(jnp.eye(4)[:1], 0.2), [[0.85, 0.05, 0.05, 0.05]])


def test_mirror_stays_in_the_block():
    np.testing.assert_array_equal(mirror(jnp.arange(8), 4), [3, 2, 1, 0, 7, 6, 5, 4])


def test_mixup_is_the_convex_sum_and_labels_follow(batch):
    images, labels = mix(*batch, mixup=0.8)
    own, other = batch[0], mirror(batch[0], 8)
    # the share that explains each image, by least squares, explains it exactly, and its label too
    share = ((images - other) * (own - other)).sum((1, 2, 3)) / ((own - other) ** 2).sum((1, 2, 3))
    share4, share2 = share[:, None, None, None], share[:, None]
    np.testing.assert_allclose(images, share4 * own + (1 - share4) * other, atol=1e-5)
    np.testing.assert_allclose(
        labels, share2 * batch[1] + (1 - share2) * mirror(batch[1], 8), atol=1e-5
    )
    per_block = share.reshape(-1, 8)
    np.testing.assert_allclose(per_block, jnp.broadcast_to(per_block[:, :1], (4, 8)), atol=1e-5)
    assert len(np.unique(np.round(per_block[:, 0], 4))) == 4


def test_cutmix_takes_one_box_and_labels_follow_its_area(batch):
    images, labels = mix(*batch, cutmix=1.0)
    other, other_labels = mirror(batch[0], 8), mirror(batch[1], 8)
    for i in range(B):
        taken = np.asarray((images[i] == other[i]).all(-1))
        kept = np.asarray((images[i] == batch[0][i]).all(-1))
        assert (taken ^ kept).all()
        rows, columns = taken.any(1), taken.any(0)
        np.testing.assert_array_equal(taken, rows[:, None] & columns[None, :])
        assert (np.diff(np.flatnonzero(rows)) == 1).all()
        area = taken.mean()
        np.testing.assert_allclose(
            labels[i], (1 - area) * batch[1][i] + area * other_labels[i], atol=1e-6
        )


def draws(count=4096, **settings):
    """The mixing shares of `count` pairs of a black and a white image, seen in their pixels."""
    settings = {"per": "example", "block": 2} | settings
    images = jnp.tile(jnp.array([0.0, 1.0]), count // 2)[:, None, None, None]
    images = jnp.broadcast_to(images, (count, 8, 8, 1))
    mixed, labels = mix(images, jnp.tile(jnp.eye(2), (count // 2, 1)), **settings)
    return abs(mixed - images), labels


@pytest.mark.parametrize("alpha", [0.2, 0.8, 1.0])
def test_mixup_lambda_follows_beta(alpha):
    from scipy import stats

    change, _ = draws(mixup=alpha)
    points = np.linspace(0.05, 0.95, 19)
    below = (np.asarray(change[:, 0, 0, 0])[:, None] <= points).mean(0)
    # four sigma of 4096 draws: 0.031
    np.testing.assert_allclose(below, stats.beta(alpha, alpha).cdf(points), atol=0.031)


def test_probabilities_of_mixing_and_of_switching():
    change, labels = draws(mixup=1.0, cutmix=1.0, prob=0.75, switch_prob=0.25)
    np.testing.assert_allclose(labels.sum(1), 1, atol=1e-6)
    changed = np.asarray(change[..., 0])
    fractional = ((changed > 0) & (changed < 1)).any((1, 2))  # mixup leaves grey pixels
    # three sigma of 4096 draws: 0.023
    assert abs(fractional.mean() - 0.75 * 0.75) < 0.025
    # an untouched image: not applied (0.25), or cutmix with a box below one pixel (1 in 64)
    untouched = (changed == 0).all((1, 2)).mean()
    assert abs(untouched - (0.25 + 0.75 * 0.25 / 64)) < 0.025


def test_label_share_is_the_mean_of_the_pixels():
    change, labels = draws(mixup=0.4, cutmix=1.0)
    own = labels[jnp.arange(len(labels)), jnp.arange(len(labels)) % 2]
    np.testing.assert_allclose(own, 1 - change.mean((1, 2, 3)), atol=1e-5)


def test_boxes_are_clipped_at_the_edge():
    inside = cutmix_box(jnp.float32(0.25), (0.5, 0.5), 8, 16)
    np.testing.assert_array_equal(inside, rectangle(2, 4, 4, 8, 8, 16))
    corner = cutmix_box(jnp.float32(0.25), (0.0, 0.999), 8, 16)
    np.testing.assert_array_equal(corner, rectangle(0, 11, 2, 5, 8, 16))


def test_blend_counts_the_pixels_of_the_box():
    share, box = jnp.ones(2), jnp.zeros((2, 4, 4), bool).at[:, :2, :2].set(True)
    images = jnp.stack([jnp.zeros((4, 4, 1)), jnp.ones((4, 4, 1))])
    mixed, labels = blend(images, jnp.eye(2), share, box, 2)
    np.testing.assert_allclose(mixed.sum((1, 2, 3)), [4, 12])
    np.testing.assert_allclose(labels, [[0.75, 0.25], [0.25, 0.75]])


ALL_ON = {"mixup": 0.8, "cutmix": 1.0, "label_smoothing": 0.1, "erase_prob": 0.5}
HALVES = (slice(0, 16), slice(16, 32))


@pytest.mark.parametrize("per", ["block", pytest.param("example", marks=pytest.mark.slow)])
def test_slices_of_the_batch_give_slices_of_the_result(batch, per):
    whole = mix(*batch, per=per, **ALL_ON)
    np.testing.assert_allclose(whole[1].sum(1), 1, atol=1e-6)
    for rows in HALVES:
        part = mix(*(x[rows] for x in batch), jnp.arange(B)[rows], per=per, **ALL_ON)
        np.testing.assert_allclose(part[0], whole[0][rows], atol=1e-6)
        np.testing.assert_allclose(part[1], whole[1][rows], atol=1e-6)


def test_pmap_gives_the_same(batch):
    images, labels = (x.reshape(4, 8, *x.shape[1:]) for x in batch)
    config = MixConfig(**ALL_ON)
    spread = jax.pmap(lambda *args: mix_batch(KEY, *args, config), devices=jax.devices()[:4])(
        images, labels, jnp.arange(B).reshape(4, 8)
    )
    whole = mix(*batch, **ALL_ON)
    np.testing.assert_allclose(spread[0].reshape(whole[0].shape), whole[0], atol=1e-5)
    np.testing.assert_allclose(spread[1].reshape(whole[1].shape), whole[1], atol=1e-6)


def test_a_broken_block_is_named(batch):
    with pytest.raises(UserError, match=r"mix\.block=8"):
        mix(*(x[:12] for x in batch), mixup=0.8)


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_the_partner_of_an_image_that_is_missing_stays_whole(batch, kind):
    images, labels = batch
    mask = np.ones(B, np.float32)
    mask[3] = 0  # its partner in blocks of 8 is 4
    config = MixConfig(**{kind: 1.0}, per="example")
    index = jnp.arange(B)
    found, targets = mix_batch(KEY, images, labels, index, config, mask)
    np.testing.assert_array_equal(found[4], images[4])
    np.testing.assert_array_equal(targets[4], labels[4])
    # the others are mixed as ever
    all_there, wanted = mix_batch(KEY, images, labels, index, config)
    others = [k for k in range(B) if k not in (3, 4)]
    np.testing.assert_array_equal(found[others,], all_there[others,])
    np.testing.assert_array_equal(targets[others,], wanted[others,])
    assert (np.asarray(wanted[4]) != np.asarray(labels[4])).any()
