import jax
import numpy as np
import pytest

import effjax
from effjax import models
from effjax.compress.generators.narrow_gan import NarrowGenerator, narrowed_widths
from effjax.config import View
from effjax.costs import Budget
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.runs.metrics import read_rows
from effjax.sample.run import Wanted, sample
from tests.tasks.adversarial.conftest import tiny_config, trained_gan

__all__ = ["trained_gan"]
QUIET = choose_display(quiet=True)


def narrow_config(teacher, **task):
    config = tiny_config("plain", name="narrow_generator", teacher=str(teacher), **task)
    config.model.widths = (4, 4)
    return config


@pytest.mark.parametrize("share", [0.3, 0.6, 1.0])
def test_the_largest_share_within_the_budget(share):
    model = models.create_model(
        "conv_generator_tiny", num_classes=2, image_size=8, widths=(16, 12), latent=3
    )
    shape = (8, 8, 3)

    def cost(widths):
        small = models.create_model(
            "conv_generator_tiny", num_classes=2, image_size=8, widths=widths, latent=3
        )
        return models.cost(small, shape).macs

    found = narrowed_widths(model, Budget("macs", f"{share}x"), shape)
    limit = share * cost((16, 12))
    assert cost(found) <= limit
    wider = tuple(min(w + 1, most) for w, most in zip(found, (16, 12), strict=True))
    assert wider == (16, 12) or cost(wider) > limit


def test_a_budget_that_cannot_be_met_is_refused():
    with pytest.raises(UserError, match="widths cost from"):
        _ = NarrowGenerator(View(narrow_config("x", budget="0.001x"))).model


def test_a_teacher_is_needed():
    with pytest.raises(UserError, match="names the run whose generator"):
        _ = NarrowGenerator(View(narrow_config(""))).teacher


@pytest.mark.slow
def test_a_narrow_generator_learns_and_draws(trained_gan, tmp_path):
    workdir, _ = trained_gan
    config = narrow_config(workdir, budget="0.6x", reconstruction=100.0)
    config.total_steps = 30.0
    config.evals.val.every_percent = 100.0
    summary = effjax.train(config, tmp_path / "run", display=QUIET)
    assert summary["macs"] <= 0.6 * summary["teacher_macs"]
    rows = [row for row in read_rows(tmp_path / "run") if "train/reconstruction" in row]
    assert rows[-1]["train/reconstruction"] < 0.7 * rows[0]["train/reconstruction"]
    images = sample(tmp_path / "run", QUIET, Wanted(count=1, out=(tmp_path / "a.png",)))
    assert images.shape == (2, 8, 8, 3)


@pytest.mark.slow
def test_another_generator_is_no_teacher(trained_gan):
    workdir, _ = trained_gan
    config = narrow_config(workdir)
    config.model.latent = 5
    task = NarrowGenerator(View(config))
    with pytest.raises(UserError, match="another generator than"):
        _ = task.teacher


@pytest.mark.slow
def test_it_begins_as_the_teacher_where_nothing_goes(trained_gan):
    workdir, _ = trained_gan
    task = NarrowGenerator(View(narrow_config(workdir, budget="1.0x", features=0.0)))
    params, _ = task.init(jax.random.key(0), {})
    noise = jax.random.normal(jax.random.key(1), (2, 3))
    lessons = jax.jit(task.lessons)(params, noise, np.asarray([0, 1]))
    np.testing.assert_allclose(lessons["reconstruction"], 0, atol=1e-4)
