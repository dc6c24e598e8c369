import runpy

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import effjax
from effjax.compress.generators.find_experts import find_experts, read_experts
from effjax.compress.generators.interval_experts import IntervalExperts, _Inside
from effjax.config import View, load
from effjax.diffusion import Flow
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.runs.metrics import read_rows
from effjax.runs.schema import RunConfig
from effjax.sample.run import Wanted, sample
from tests.tasks.diffusion.conftest import quick_config

CONFIG = "configs/compress/interval_digits.py"
QUIET = choose_display(quiet=True)


def tiny_config(experts, **task):
    config = load(CONFIG, [], RunConfig)
    runpy.run_path(CONFIG)["quick"](config)
    config.task.experts = str(experts)
    config.parallel.devices = 1
    config.log.update(tensorboard=False, curves=False, every_steps=1.0)
    with config.unlocked():
        config.task.update(task)
    return config


@pytest.fixture(scope="module")
def experts(tmp_path_factory):
    """A folder with two copies of a small DiT."""
    folder = tmp_path_factory.mktemp("experts")
    effjax.train(quick_config("dit"), folder / "teacher", display=QUIET)
    find_experts(folder / "teacher", folder / "found", 2, "macs:0.85x", QUIET)
    return folder / "found"


def test_times_stay_inside():
    inside = _Inside(Flow(times="logit_normal", mean=-1.0), 0.25, 0.5)
    uniform = jnp.linspace(0, 1, 5)
    times = inside.time(uniform, jnp.zeros(5))
    normal = np.log(times / (1 - times)) + 1
    # quarters and halves of a normal distribution
    assert normal[0] == pytest.approx(-0.6745, abs=1e-3)
    assert normal[-1] == pytest.approx(0, abs=1e-3)
    assert inside.target == "velocity"


def test_what_it_does_not_do_is_refused():
    config = tiny_config("x", mask_ratio=0.3)
    with pytest.raises(UserError, match="no second pass"):
        IntervalExperts(View(config))


@pytest.mark.slow
def test_copies_share_a_budget_learn_their_times_and_draw(experts, tmp_path):
    found = read_experts(experts)
    assert len(found.kept) == 2
    assert sum(map(len, found.kept)) < 4
    config = tiny_config(experts)
    summary = effjax.train(config, tmp_path / "run", display=QUIET)
    assert summary["macs"] <= 0.85 * summary["teacher_macs"]
    final = {name: value for row in read_rows(tmp_path / "run") for name, value in row.items()}
    assert np.isfinite(final["val_ema/loss"])
    wanted = Wanted(classes="3", count=1, steps=2, out=(tmp_path / "a.png",))
    assert sample(tmp_path / "run", QUIET, wanted).shape == (1, 32, 32, 3)


@pytest.mark.slow
def test_each_time_has_its_copy(experts):
    task = IntervalExperts(View(tiny_config(experts)))
    params, _ = jax.jit(lambda key: task.init(key, {}))(jax.random.key(0))
    params["expert_1"] = jax.tree.map(lambda leaf: leaf + 0.1, params["expert_1"])
    x = jnp.ones((2, 32, 32, 3))
    labels = jnp.asarray([1, 1])
    told = jnp.asarray([1.0, 999.0])
    assert task.serving(told).tolist() == [0, 1]
    both = jax.jit(lambda: task.network({"params": params}, labels)(x, told))()
    denoise = jax.jit(task.denoise)
    for number in (0, 1):
        here = jnp.full(2, told[number])
        alone = denoise({"params": params}, x, here, labels)
        np.testing.assert_allclose(both[number], alone[number], rtol=1e-4)
    seen = {task.variant(step) for step in range(50)}
    assert seen == {0, 1}
