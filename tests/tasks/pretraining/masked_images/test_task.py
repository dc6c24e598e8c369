import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import effjax
from effjax.config import View
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.runs.metrics import read_rows
from effjax.tasks.pretraining.masked_images.decoder import fixed_positions
from effjax.tasks.pretraining.masked_images.task import MaskedImages
from effjax.tasks.run import train

VIT = {"width": 8, "heads": 2, "depth": 1, "patch_size": 2}


def tiny_config(**task):
    """An autoencoder of one block and one on made-up images of 8 pixels."""
    config = effjax.default_config()
    config.total_steps = 4.0
    config.task.update(name="masked_images", decoder_width=8, decoder_depth=1, decoder_heads=2)
    config.task.update(task)
    config.model.update(name="vit_tiny_patch16_224", **VIT)
    config.data.update(name="synthetic", image_size=8, batch_size=8, cache="memory")
    config.data.update(synthetic_examples=32, synthetic_classes=2)
    config.optim.default.update(name="adamw", learning_rate=1e-2, weight_decay=0.1)
    config.schedule.warmup_steps = 0.0
    config.evals.val.evaluator = "reconstruction"
    config.log.update(tensorboard=False, curves=False, every_steps=1.0)
    return config


def make(**task) -> MaskedImages:
    return MaskedImages(View(tiny_config(**task)))


def batch(count=8):
    rng = np.random.default_rng(0)
    return {
        "image": rng.integers(0, 256, (count, 8, 8, 3)).astype(np.uint8),
        "label": np.zeros(count, np.int32),
        "index": np.arange(count, dtype=np.int32),
        "mask": np.ones(count, np.float32),
    }


@pytest.fixture(scope="module")
def autoencoder():
    """(task, params, its compiled loss with gradients)."""
    task = make()
    params, _ = jax.jit(task.init)(jax.random.key(0), batch())
    step = jax.jit(jax.value_and_grad(task.loss, has_aux=True))
    return task, params, step


def run(autoencoder, data):
    _, params, step = autoencoder
    (loss, (_, metrics)), grads = step(params, {}, data, jax.random.key(3), jnp.asarray(0))
    return float(loss), metrics, grads


def test_normalised_pixels_start_near_one_and_all_learns_but_the_positions(autoencoder):
    task, params, _ = autoencoder
    loss, metrics, grads = run(autoencoder, batch())
    assert 0.5 < loss < 4
    assert float(metrics["loss"][0]) == pytest.approx(8 * loss, rel=1e-5)
    table = fixed_positions((4, 4), 8)
    np.testing.assert_allclose(params["encoder"]["pos_embed"], table, atol=1e-6)
    labels = task.groups(params)
    assert labels["encoder"].pop("pos_embed") == "frozen"
    assert set(jax.tree.leaves(labels)) == {"default"}
    for part in (grads["encoder"]["patch_embed"], grads["decoder"]):
        assert all(np.any(leaf) for leaf in jax.tree.leaves(part))


def test_masks_belong_to_examples_and_padding_counts_for_nothing(autoencoder):
    """The mean of two halves, each with its own indices, is that of the whole batch."""
    whole, _, _ = run(autoencoder, batch())
    halves = []
    for rows in (slice(0, 4), slice(4, 8)):
        # the shapes of the whole batch: one program
        part = batch()
        outside = np.ones(8, bool)
        outside[rows] = False
        part["mask"][outside] = 0
        part["image"][outside] = 255
        halves.append(run(autoencoder, part)[0])
    assert whole == pytest.approx(np.mean(halves), rel=1e-5)


@pytest.mark.parametrize(
    ("task", "model", "message"),
    [
        ({"mask_ratio": 0.97}, {}, "keeps 0 of 16 patches"),
        ({"mask_ratio": 1.5}, {}, "out of range"),
        ({"decoder_width": 6}, {}, "a multiple of 4"),
        ({}, {"patch_size": 3}, "do not divide into patches of 3x3"),
        ({}, {"name": "resnet18"}, "leaves patches out, which resnet18 cannot"),
    ],
)
def test_what_cannot_be_learned_is_refused(task, model, message):
    config = tiny_config(**task)
    if "name" in model:
        with config.unlocked():
            for key in VIT:
                del config.model[key]
    config.model.update(model)

    def use():
        made = MaskedImages(View(config))
        return made.kept, made.decoder

    with pytest.raises(UserError, match=message):
        use()


@pytest.mark.slow
def test_it_continues_to_the_bit_on_any_devices_and_is_fine_tuned(tmp_path):
    quiet = choose_display(quiet=True)

    def trained(name, **parallel):
        config = tiny_config()
        config.parallel.update(parallel)
        config.checkpoint.update(every_steps=2.0)
        train(config, tmp_path / name, display=quiet)
        return [row["train/loss"] for row in read_rows(tmp_path / name) if "train/loss" in row]

    whole = trained("whole", devices=1)
    shutil.copytree(tmp_path / "whole", tmp_path / "cut")
    shutil.rmtree(tmp_path / "cut/checkpoints/4")
    (tmp_path / "cut/summary.json").unlink()
    assert trained("cut", devices=1) == whole
    assert trained("mesh", devices=4) == pytest.approx(whole, rel=1e-4)
    assert trained("pmap", devices=2, mode="pmap") == pytest.approx(whole, rel=1e-4)
    fine = effjax.default_config()
    fine.update(total_steps=1.0, init_from=str(tmp_path / "whole"))
    fine.model.update(name="vit_tiny_patch16_224", **VIT)
    fine.data.update(name="synthetic", image_size=8, batch_size=8, synthetic_examples=32)
    fine.log.update(tensorboard=False, curves=False)
    fine.parallel.devices = 1
    summary = train(fine, tmp_path / "fine", display=quiet)
    assert summary["step"] == 1
    # features of that run are predicted in the place of pixels
    config = tiny_config(teacher=str(tmp_path / "whole"))
    config.parallel.devices = 1
    assert train(config, tmp_path / "features", display=quiet)["step"] == 4
