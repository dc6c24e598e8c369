"""The columns of `log.noise_scale`, and who has none."""

import math

import numpy as np
import pytest

import effjax
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.runs.metrics import read_rows
from effjax.training.batch_noise import NOISE, SCALE, SIGNAL, BatchNoise
from tests.training.toy import TRUE, line_config

QUIET = choose_display(quiet=True)


def config(parts=1, mode="mesh", devices=1, rate=1e-12, **log):
    made = line_config(total_steps=30.0, accumulate=parts)
    made.optim.default.update(name="sgd", learning_rate=rate)
    made.parallel.update(mode=mode, devices=devices)
    made.ema.decay = None
    made.evals.val.every_steps = 100.0
    made.log.update(noise_scale=True, every_steps=30.0, **log)
    return made


def true_noise():
    """Of an example's gradient at w = b = 0, with dropout: by a million of them."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1_000_000, 4))
    kept = x * (rng.random(x.shape) < 0.9)
    error = -(x @ TRUE)
    gradients = 2 * error[:, None] * np.c_[kept, np.ones(len(x))]
    return gradients.var(0).sum(), (gradients.mean(0) ** 2).sum()


@pytest.mark.parametrize(
    ("parts", "mode", "devices"),
    [
        (4, "mesh", 1),
        pytest.param(1, "pmap", 4, marks=pytest.mark.slow),
        pytest.param(2, "pmap", 2, marks=pytest.mark.slow),
        pytest.param(4, "mesh", 2, marks=pytest.mark.slow),
    ],
)
def test_a_row_has_the_noise_of_its_updates(parts, mode, devices, tmp_path):
    """Weights that stay where they are, near 0: the means over the updates of one row."""
    effjax.train(config(parts, mode, devices), tmp_path, display=QUIET)
    (row,) = [row for row in read_rows(tmp_path) if NOISE in row]
    noise, signal = true_noise()
    assert row[NOISE] == pytest.approx(noise, rel=0.25)
    assert row[SIGNAL] == pytest.approx(signal, rel=0.25)
    assert row[SCALE] == pytest.approx(row[NOISE] / row[SIGNAL])


@pytest.mark.slow
def test_any_parts_of_a_batch_give_the_same_signal(tmp_path):
    """Parts and devices cut the same batches: four of four examples are four of four."""
    rows = []
    for number, choice in enumerate([(4, "mesh", 1), (1, "pmap", 4), (2, "pmap", 2)]):
        effjax.train(config(*choice), tmp_path / str(number), display=QUIET)
        rows.append(next(row for row in read_rows(tmp_path / str(number)) if NOISE in row))
    for row in rows[1:]:
        assert row[SIGNAL] == pytest.approx(rows[0][SIGNAL], rel=0.1)


@pytest.mark.parametrize("choice", [(1, "mesh", 1), (1, "mesh", 4), (1, "pmap", 1)])
def test_a_batch_of_one_part_is_refused(choice, tmp_path):
    with pytest.raises(UserError, match="accumulate=2"):
        effjax.train(config(*choice), tmp_path / "run", display=QUIET)
    assert not (tmp_path / "run").exists()


def test_means_are_taken_before_the_ratio():
    averaged = BatchNoise()
    for noise, signal in ((4.0, 3.0), (math.nan, 1.0), (2.0, -1.0)):
        values = {NOISE: noise, SIGNAL: signal, "train/loss": 1.0}
        averaged.see(values)
        assert values == {"train/loss": 1.0}
    assert averaged.read() == {NOISE: 3.0, SIGNAL: 1.0, SCALE: 3.0}
    averaged.see({"train/loss": 1.0})
    assert averaged.read() == {}
    averaged.see({NOISE: 1.0, SIGNAL: -0.5})
    assert averaged.read() == {NOISE: 1.0, SIGNAL: -0.5}
