import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.config import View, load
from effjax.errors import UserError
from effjax.runs.schema import RunConfig
from effjax.tasks.diffusion.mixture import LEVELS, MIXTURE, Exact, MixtureTask, Points


def task(arg="edm"):
    return MixtureTask(View(load(f"configs/generate/mixture.py:{arg}", [], RunConfig)))


def test_the_data_are_those_of_the_mixture():
    points = Points(0, 4000, 1)._batch(0)["point"]
    assert points.std() == pytest.approx(0.5, abs=0.05)
    x = jnp.asarray(MIXTURE.means, jnp.float32)
    # without noise to speak of, a point at a mean is its own best guess
    np.testing.assert_allclose(MIXTURE.denoised(x, jnp.full(3, 1e-3)), x, atol=1e-3)


def test_the_exact_denoiser_has_no_error_and_a_lazy_one_has():
    made = task()
    lazy = jax.jit(made.errors)(jax.tree.map(jnp.zeros_like, made.init(jax.random.key(0), {})[0]))
    assert lazy.shape == (len(LEVELS),)
    # c_skip alone is right where there is no noise, and where there is nothing else
    assert float(lazy[0]) < 0.01
    assert float(lazy[5]) > 0.05


def test_momentum_reaches_the_network():
    assert task("fdm").edm.momentum == 2
    assert task("fdm").edm.weight_warmup == 200


def test_another_evaluator_is_refused():
    config = load("configs/generate/mixture.py", [], RunConfig)
    config.evals.val.evaluator = "denoising"
    with pytest.raises(UserError, match="known: 'exact'"):
        Exact(None, View(config).evals["val"])
