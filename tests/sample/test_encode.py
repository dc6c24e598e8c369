import numpy as np
import pytest

import effjax
from effjax.config import load
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.runs.schema import RunConfig
from effjax.sample.encode import Spread, decode, encode
from effjax.sample.run import Wanted, sample
from effjax.tasks.diffusion.latents import Facts, Latents, read_facts, write_facts
from tests.tasks.autoencode.conftest import trained_coder

__all__ = ["trained_coder"]
QUIET = choose_display(quiet=True)


def test_a_deviation_of_parts_is_that_of_the_whole():
    values = np.random.default_rng(0).normal(3, 2, 1000)
    spread = Spread()
    for part in np.split(values, 4):
        spread.add(part)
    assert spread.deviation == pytest.approx(values.std())


def test_what_is_known_of_latents_comes_back(tmp_path):
    facts = Facts("runs/x", 0.5, ("cat", "dog"))
    write_facts(tmp_path, facts)
    assert read_facts(tmp_path) == facts
    assert read_facts(tmp_path / "none") is None
    (tmp_path / "latents.json").write_text('{"scale": 1}')
    with pytest.raises(UserError, match="make the latents again"):
        read_facts(tmp_path)


@pytest.mark.slow
def test_from_images_to_latents_to_samples(trained_coder, tmp_path):
    workdir, _ = trained_coder
    out = tmp_path / "latents"
    facts = encode(workdir, out, QUIET, mirror=True)
    latents = Latents(str(out), 8)
    # each image and its mirrored one
    assert latents.num_examples == 64
    assert latents.facts == facts
    assert facts.class_names == latents.class_names
    scaled = facts.scale * np.load(out / "mean.npy").astype(float)
    assert scaled.std() < 1.01
    with pytest.raises(UserError, match="is not empty"):
        encode(workdir, out, QUIET)

    config = load("configs/generate/latent_digits.py", [], RunConfig)
    config.total_steps = 1.0
    config.schedule.warmup_steps = 0.0
    config.task.latents = str(out)
    config.model.update(patch_size=1, width=8, heads=1, depth=1)
    config.data.batch_size = 8
    config.parallel.devices = 1
    config.log.update(tensorboard=False, curves=False)
    effjax.train(config, tmp_path / "run", display=QUIET)
    wanted = Wanted(classes="1", count=2, steps=1, out=(tmp_path / "a.npz", tmp_path / "a.png"))
    images = sample(tmp_path / "run", QUIET, wanted)
    assert images.shape == (2, 8, 8, 3)
    assert images.dtype == np.uint8
    with pytest.raises(UserError, match="latents of 4 channels, these have 3"):
        decode(workdir, np.zeros((1, 2, 2, 3), np.float32), QUIET)
