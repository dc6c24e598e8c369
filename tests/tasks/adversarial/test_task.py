import shutil

import jax
import numpy as np
import pytest

import effjax
from effjax.config import View
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.runs.metrics import read_rows
from effjax.tasks.adversarial.task import Adversarial
from tests.tasks.adversarial.conftest import batch, make, tiny_config

QUIET = choose_display(quiet=True)


def test_a_label_that_is_no_class_is_seen(ppo):
    task, _ = ppo
    data = batch()
    data["label"][3] = 7
    images = task.part(data).images
    assert np.isnan(images[3]).all()
    assert not np.isnan(images[:3]).any()


def test_groups_are_the_networks(ppo):
    task, params = ppo
    labels = task.groups(params)
    assert set(jax.tree.leaves(labels["critic"])) == {"critic"}
    assert set(params) == {"generator", "critic", "classifier"}
    alone, _ = task.network_alone(params, {})
    assert alone is params["generator"]


def without_critic(config):
    del config.optim.critic


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_critic, "config.optim.critic is missing"),
        (lambda c: c.update(accumulate=2), "neither accumulate"),
        (lambda c: c.task.update(critic="unet_tiny"), "is a denoiser; give one of conv_critic"),
        (lambda c: c.data.update(image_size=(8, 16)), "generators draw squares"),
        (lambda c: c.data.update(image_size=7), "cannot be halved"),
        (lambda c: c.model.update(num_classes=1), "the labels have 2 classes"),
    ],
)
def test_what_cannot_be_learned_is_refused(change, message):
    config = tiny_config()
    with config.unlocked():
        change(config)

    def use():
        task = Adversarial(View(config))
        task.init(jax.random.key(0), batch())

    with pytest.raises(UserError, match=message):
        use()


def test_parts_have_to_be_whole():
    task = make("wgan", critic_steps=3)
    with pytest.raises(UserError, match="not divided into critic_steps = 3"):
        task.update(None, batch(), None, None)


@pytest.mark.slow
def test_a_run_is_measured(trained_gan):
    workdir, summary = trained_gan
    final = {name: value for row in read_rows(workdir) for name, value in row.items()}
    assert {"val/gap", "val_ema/told_apart", "train/critic_loss"} <= final.keys()
    assert summary["macs"] > 0


def rows(workdir):
    kept = []
    for row in read_rows(workdir):
        kept.append({k: v for k, v in row.items() if not k.startswith("perf/")})
    return kept


@pytest.mark.slow
def test_a_run_goes_on_to_the_bit(tmp_path):
    config = tiny_config("ppo", critic_steps=2)
    config.checkpoint.update(every_steps=2.0, keep_last=9)
    effjax.train(config, tmp_path / "run", display=QUIET)
    whole = rows(tmp_path / "run")
    # as if it had ended after two updates
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "4")
    (tmp_path / "run" / "summary.json").unlink()
    effjax.train(config, tmp_path / "run", display=QUIET)
    assert rows(tmp_path / "run") == whole


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["mesh", "pmap"])
def test_devices_change_nothing(mode, tmp_path):
    found = []
    for number, parallel in enumerate(({"devices": 1}, {"devices": 2, "mode": mode})):
        config = tiny_config("ppo", critic_steps=2)
        config.total_steps = 2.0
        # Adam's first steps are signs, which rounding may turn
        with config.unlocked():
            for group in ("generator", "critic", "classifier"):
                del config.optim[group]
                effjax.add_optimizer(config, group, name="sgd", learning_rate=0.05)
        config.parallel.update(parallel)
        effjax.train(config, tmp_path / str(number), display=QUIET)
        found.append(rows(tmp_path / str(number))[-1])
    assert found[0] == pytest.approx(found[1], rel=1e-3)


@pytest.mark.slow
def test_another_run_is_continued_from(trained_gan, tmp_path):
    workdir, _ = trained_gan
    config = tiny_config()
    config.init_from = str(workdir)
    config.total_steps = 1.0
    effjax.train(config, tmp_path / "run", display=QUIET)
    config.model.widths = (4, 8)
    with pytest.raises(UserError, match="other networks than this run"):
        effjax.train(config, tmp_path / "other", display=QUIET)
