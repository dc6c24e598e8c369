import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.config import View
from effjax.errors import UserError
from effjax.models.families.autoencoder import Latent
from effjax.runs.metrics import read_rows
from effjax.tasks.autoencode.task import Autoencode, divergence, squared_error
from tests.tasks.autoencode.conftest import tiny_config


def batch(count=4, first=0):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, 8, 8, 3)).astype(np.uint8)
    rows = slice(first, first + count)
    return {
        "image": images[rows],
        "index": np.arange(4, dtype=np.int32)[rows],
        "mask": np.ones(count, np.float32),
    }


def test_the_divergence_of_normals():
    """0 from the standard normal; mean^2 / 2 where only the mean differs."""
    zeros = jnp.zeros((1, 2, 2, 1))
    np.testing.assert_allclose(divergence(Latent(zeros, zeros)), 0)
    np.testing.assert_allclose(divergence(Latent(zeros + 3, zeros)), 4.5)
    variance = 0.25
    found = divergence(Latent(zeros, zeros + np.log(variance)))
    np.testing.assert_allclose(found, 0.5 * (variance - 1 - np.log(variance)), rtol=1e-5)


def test_errors_are_means_over_an_image():
    assert squared_error(jnp.ones((2, 4, 4, 3)), -jnp.ones((2, 4, 4, 3))).tolist() == [4, 4]


def test_draws_belong_to_examples_and_padding_counts_for_nothing():
    task = Autoencode(View(tiny_config()))
    params, _ = jax.jit(task.init)(jax.random.key(0), batch())

    @jax.jit
    def loss(part):
        return task.loss(params, {}, part, jax.random.key(3), jnp.asarray(0))[0]

    halves = [float(loss(batch(2, first))) for first in (0, 2)]
    assert float(loss(batch())) == pytest.approx(np.mean(halves), rel=1e-5)
    padded = batch()
    padded["mask"][2:] = 0
    assert float(loss(padded)) == pytest.approx(halves[0], rel=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.model.update(num_classes=3), "knows no classes"),
        (lambda c: c.model.update(name="dit_s_2"), "is a denoiser, task 'autoencode' trains"),
        (lambda c: c.evals.val.update(evaluator="classification"), "known: 'reconstruction'"),
    ],
)
def test_what_cannot_be_learned_is_refused(change, message):
    config = tiny_config()
    with config.unlocked():
        change(config)
        if config.model.name != "conv_autoencoder_tiny":
            del config.model.widths

    def use():
        task = Autoencode(View(config))
        assert task.model
        task.evaluators(View(config))

    with pytest.raises(UserError, match=message):
        use()


@pytest.mark.slow
def test_a_run_is_measured(trained_coder):
    workdir, summary = trained_coder
    final = {name: value for row in read_rows(workdir) for name, value in row.items()}
    assert {"val/loss", "val_ema/loss", "train/divergence"} <= final.keys()
    assert summary["macs"] > 0
