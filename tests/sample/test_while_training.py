"""Scores of samples at each evaluation, by eyes that see brightness."""

import types

import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

import effjax
from effjax.config import View
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.sample import while_training
from effjax.sample.judge import Real
from effjax.sample.while_training import Samples
from tests.tasks.adversarial.conftest import tiny_config

CLASSES = 3


class Painter:
    """A task whose network paints the brightness of a class, too bright by its parameter."""

    name = "painter"
    options = types.SimpleNamespace(latents=None)
    split = types.SimpleNamespace(image_shape=(4, 4, 3), class_names=("a", "b", "c"))

    class model:
        num_classes = CLASSES
        architecture = types.SimpleNamespace(latent=48)

        @staticmethod
        def apply(variables, noise, label):
            grey = 60 * label[:, None, None, None] + 20 + 5 * noise.reshape(-1, 4, 4, 3)
            return (grey + variables["params"]["too_bright"]) / 127.5 - 1

    def network_alone(self, params, model_state):
        return params["generator"], model_state


class Brightness:
    """Features are the means of rows; the class is the brightness."""

    trained = types.SimpleNamespace(base="brightness", gives="class")

    def __call__(self, images):
        means = images.reshape(len(images), 4, -1).astype(float).mean(-1)
        return means, (means.mean(-1) / 60).astype(int)


def section(**keys):
    fields = {"evaluator": "samples", "split": None, "classifier": "runs/eyes", "count": 20}
    return View(ml_collections.ConfigDict({**fields, **keys}))


@pytest.fixture
def measure(monkeypatch):
    labels = np.arange(60) % CLASSES
    noise = np.random.default_rng(0).normal(size=(60, 4, 4, 3))
    images = (60 * labels[:, None, None, None] + 20 + 5 * noise).clip(0, 255).astype(np.uint8)
    real = Real(images, labels, images, labels)
    monkeypatch.setattr(while_training, "_open_eyes", lambda classifier: Brightness())
    monkeypatch.setattr(while_training, "read_real", lambda config: real)
    return Samples(Painter(), None, section())


def score(measure, too_bright):
    params = {"generator": {"too_bright": jnp.asarray(too_bright)}, "critic": {}}
    return dict(measure({"params": params}, None, ()))


def test_a_better_generator_has_better_scores(measure):
    good, bad = score(measure, 0.0), score(measure, 60.0)
    assert good["accuracy"] == 1
    assert bad["accuracy"] < 0.5
    assert good["frechet_brightness"] < 0.1 * bad["frechet_brightness"]
    assert good["kernel_brightness"] < bad["kernel_brightness"]
    # the noise is the same every time
    assert score(measure, 0.0) == good


def test_what_is_missing_or_wrong_is_named():
    with pytest.raises(UserError, match="classifier 'runs/nobody', where no run is"):
        Samples(Painter(), None, section(classifier="runs/nobody"))
    with pytest.raises(UserError, match="leave out split"):
        Samples(Painter(), None, section(split="train"))
    latents = Painter()
    latents.options = types.SimpleNamespace(latents="latents/digits")
    with pytest.raises(UserError, match="scored afterwards"):
        Samples(latents, None, section())
    with pytest.raises(UserError, match="clasifier"):
        Samples(Painter(), None, section(clasifier="runs/eyes"))


@pytest.mark.slow
def test_a_gan_is_scored_while_it_trains(tmp_path):
    quiet = choose_display(quiet=True)
    classifier = effjax.default_config()
    classifier.total_steps = 1.0
    small = {"depths": (1, 1, 1, 1), "dims": (8, 8, 32, 32), "drop_path_rate": 0.0}
    classifier.model.update(name="caformer_s18", **small)
    classifier.data.update(name="synthetic", image_size=32, batch_size=8)
    classifier.data.update(synthetic_examples=32, synthetic_classes=2)
    classifier.log.update(tensorboard=False, curves=False)
    classifier.parallel.devices = 1
    effjax.train(classifier, tmp_path / "eyes", display=quiet)
    config = tiny_config()
    config.ema.decay = 0.9
    with config.unlocked():
        config.evals.samples = ml_collections.ConfigDict(config.evals.val.to_dict())
        config.evals.samples.update(evaluator="samples", count=4)
        config.evals.samples.classifier = str(tmp_path / "eyes")
    final = effjax.train(config, tmp_path / "run", display=quiet)["final"]
    found = {name for name in final if name.startswith("samples")}
    assert found == {f"samples/{what}_caformer_s18" for what in ("frechet", "kernel")} | {
        "samples/accuracy"
    }
    assert all(np.isfinite(final[name]) for name in found)
