"""Training at several image sizes and patch sizes."""

import types

import jax
import numpy as np
import pytest

import effjax
from effjax.errors import UserError
from effjax.tasks.run import build
from effjax.tasks.scales import Scale, Scales, read_scales, resized
from effjax.training.programs import compile_step

SMALL = "identityformer_s12"
SIZES = ((8, 8), (12, 12), (16, 16))


def test_sizes_rise_by_equal_shares_of_the_run():
    scales = Scales(SIZES, "rise", total=6)
    assert [scales.at(step).image_size[0] for step in range(7)] == [8, 8, 12, 12, 16, 16, 16]


def test_what_is_drawn_is_a_function_of_seed_and_step():
    scales = Scales(SIZES, "draw", (4, 8), total=6, seed=3)
    drawn = [scales.at(step) for step in range(60)]
    assert drawn == [Scales(SIZES, "draw", (4, 8), total=60, seed=3).at(s) for s in range(60)]
    assert drawn != [Scales(SIZES, "draw", (4, 8), total=6, seed=4).at(s) for s in range(60)]
    assert {scale.image_size for scale in drawn} == set(SIZES)
    assert {scale.patch_size for scale in drawn} == {4, 8}
    assert set(drawn) == set(scales.every())


def test_larger_images_than_are_read_are_refused():
    options = types.SimpleNamespace(image_sizes=(8, (16, 24)), size_order="rise", patch_sizes=())
    assert read_scales(options, (16, 24, 3), 9, 0).image_sizes == ((8, 8), (16, 24))
    with pytest.raises(UserError, match="16x24 is larger than the images that are read"):
        read_scales(options, (16, 16, 3), 9, 0)


def test_resizing_smooths():
    image = np.indices((8, 8)).sum(0) % 2  # a chess board
    images = np.broadcast_to(image[None, :, :, None], (1, 8, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(resized(images, (2, 2)), 0.5, atol=0.05)
    assert resized(images, None) is images
    assert resized(images, (8, 8)) is images


# ------------------------------------------------------------------------------- in a run


def make_config(name, **task):
    config = effjax.default_config()
    config.total_steps = 4.0
    config.data.update(name="synthetic", image_size=16, batch_size=8, synthetic_examples=16)
    config.data.augment.update(crop="none", hflip=0.0)
    config.optim.default.update(name="sgd", learning_rate=0.1)
    config.parallel.devices = 1
    config.log.update(tensorboard=False, curves=False)
    config.model.name = name
    if name == SMALL:
        config.model.update(depths=(1, 1, 1, 1), dims=(4, 4, 4, 4), patch_kernels=1)
        config.model.update(patch_strides=(2, 1, 1, 1), patch_pads=0)
    else:
        config.model.update(depth=1, width=16, heads=2, patch_size=4)
    config.task.update(task)
    return config


@pytest.mark.slow
def test_an_update_at_a_smaller_size_is_that_of_smaller_images():
    setup = build(make_config(SMALL, image_sizes=(8, 16)))
    assert setup.task.variant(0).scale == Scale((8, 8))
    state = setup.runner.place(setup.fresh())
    with setup.source.batches() as batches:
        batch = next(batches)
    sent = setup.runner.send(batch)
    moved, metrics = compile_step(setup, setup.task.variant(0), state)(state, sent)

    # the same of a task without sizes that is given images made small before
    plain = build(make_config(SMALL)).task
    plain.images = lambda batch, images=plain.images: resized(images(batch), (8, 8))
    fresh = setup.fresh()
    rng = jax.random.fold_in(fresh.rng, 0)
    loss = jax.jit(lambda p: plain.loss(p, fresh.model_state, batch, rng, 0)[0])
    np.testing.assert_allclose(metrics["train/loss"], loss(fresh.params), rtol=1e-5)
    assert setup.task.scale == Scale()  # what was traced is forgotten
    assert int(moved.step) == 1


@pytest.mark.slow
def test_patches_of_several_sizes_learn_one_kernel():
    setup = build(make_config("vit_tiny_patch16_224", patch_sizes=(4, 8)))
    state = setup.fresh()
    with setup.source.batches() as batches:
        sent = setup.runner.send(next(batches))
    for patch_size in (8,):  # 4 is that of the architecture
        variant = setup.task.variant(0)._replace(scale=Scale(None, patch_size))
        start = setup.runner.place(setup.fresh())
        moved, metrics = compile_step(setup, variant, start)(start, sent)
        old = state.params["patch_embed"]["proj"]["kernel"]
        new = moved.params["patch_embed"]["proj"]["kernel"]
        assert new.shape == old.shape == (4, 4, 3, 16)
        assert (np.asarray(new) != np.asarray(old)).any()
        assert np.isfinite(metrics["train/loss"])


@pytest.mark.parametrize(
    ("name", "task", "told"),
    [
        (
            SMALL,
            {"image_sizes": (32,)},
            "32x32 is larger than the images that are read",
        ),
        (
            SMALL,
            {"patch_sizes": (4, 8)},
            "patch_sizes is for a ViT; this is a MetaFormer",
        ),
        ("vit_tiny_patch16_224", {"image_sizes": (10, 16)}, "do not divide into patches of 4x4"),
        ("vit_tiny_patch16_224", {"patch_sizes": (5,)}, "do not divide into patches of 5x5"),
        (SMALL, {"size_order": "fall"}, "expected one of 'rise', 'draw'"),
    ],
)
def test_scales_that_cannot_be_are_refused(name, task, told):
    with pytest.raises(UserError, match=told):
        build(make_config(name, **task))
