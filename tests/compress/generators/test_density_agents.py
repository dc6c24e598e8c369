import runpy

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import effjax
from effjax.compress.generators.density_agents import DensityAgents
from effjax.compress.generators.gated_gan import AGENT, NETWORK
from effjax.compress.generators.kept_channels import read_channels
from effjax.compress.generators.narrow_gan import NarrowGenerator
from effjax.config import View, load
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.runs.metrics import read_rows
from effjax.runs.schema import RunConfig
from effjax.sample.run import Wanted, sample
from effjax.tasks.adversarial.players import CRITIC, GENERATOR
from tests.tasks.adversarial.conftest import batch, tiny_config, trained_gan

__all__ = ["trained_gan"]
QUIET = choose_display(quiet=True)
FEW = {"samples": 16, "neighbourhoods": 2, "members": 3, "budget": "0.7x", "critic_budget": "0.7x"}


def agents_config(teacher="runs/x", **task):
    return tiny_config("plain", name="density_agents", teacher=str(teacher), **FEW, **task)


def a_task(**task):
    """Of a teacher that has not been trained."""
    made = DensityAgents(View(agents_config(**task)))
    made.teacher = made.whole.init(jax.random.key(5), (8, 8, 3))
    return made


def test_the_config_and_its_quick_form_can_be_read():
    path = "configs/compress/density_gan_digits.py"
    config = load(path, [], RunConfig)
    assert DensityAgents(View(config)).whole.critic.architecture.widths == (16, 32, 64)
    runpy.run_path(path)["quick"](config)
    assert DensityAgents(View(config)).whole.critic.architecture.widths == (8, 8, 8)
    narrow = load("configs/compress/narrow_gan_digits.py:density", [], RunConfig)
    assert narrow.task.channels == "runs/density_gan_digits"


def test_what_agents_cannot_do_is_refused():
    with pytest.raises(UserError, match="prune no classifier"):
        a_task(game="wasserstein", r1=0.0, ratio_clip=0.4)
    config = agents_config()
    config.task.members = 17
    with pytest.raises(UserError, match="members = 17 of 16 samples"):
        DensityAgents(View(config))
    with pytest.raises(UserError, match="ends in channels"):
        a_task().network_alone({}, {})
    config = agents_config()
    config.task.critic_budget = "0.01x"
    task = DensityAgents(View(config))
    task.teacher = task.whole.init(jax.random.key(5), (8, 8, 3))
    with pytest.raises(UserError, match="channels cost from"):
        task.init(jax.random.key(0), {})


@pytest.fixture(scope="module")
def begun():
    """(task, parameters as they begin)."""
    task = a_task()
    return task, jax.jit(lambda key: task.init(key, {})[0])(jax.random.key(0))


def test_it_begins_as_the_teacher_whose_densities_it_has(begun):
    task, params = begun
    spent = jax.jit(lambda params: task.spent(params, task.players))(params)
    # all gates are open: the whole costs 1 / 0.7 of its budget
    np.testing.assert_allclose([spent[GENERATOR], spent[CRITIC]], 1 / 0.7, rtol=1e-5)
    density = jax.jit(lambda params, key: task.density(params, task.players, key))
    np.testing.assert_allclose(density(params, jax.random.key(1)), 0, atol=1e-6)
    noise = jnp.ones((2, 3))
    labels = jnp.asarray([0, 1])
    drawn = jax.jit(task.players.draw)(params, noise, labels)
    own = jax.jit(task.whole.draw)(task.teacher, noise, labels)
    np.testing.assert_allclose(drawn, own, atol=1e-5)


def test_agents_learn_the_generator_is_held_and_the_critic_plays(begun):
    task, params = begun
    labels = task.groups(params)
    assert set(jax.tree.leaves(labels[GENERATOR][NETWORK])) == {"frozen"}
    assert set(jax.tree.leaves(labels[GENERATOR][AGENT])) == {GENERATOR}
    assert set(jax.tree.leaves(labels[CRITIC])) == {CRITIC}
    seen = []

    def apply(state, grads, only=None):
        seen.append((only, grads))
        return state

    class State:
        def __init__(self, params):
            self.params = params

    def grads_of(params, rng):
        seen.clear()
        _, metrics = task.update(State(params), batch(), rng, apply)
        return dict(seen), {name: pair[0] for name, pair in metrics.items()}

    grads, metrics = jax.jit(grads_of)(params, jax.random.key(2))
    assert set(grads) == {GENERATOR, CRITIC}
    assert {"density_loss", "cost_loss", "cost", "critic_cost"} <= set(metrics)

    def is_moved(tree):
        return any(bool(leaf.any()) for leaf in jax.tree.leaves(tree))

    assert is_moved(grads[GENERATOR][GENERATOR][AGENT])
    assert not is_moved(grads[GENERATOR][CRITIC])
    assert is_moved(grads[CRITIC][CRITIC][AGENT])
    assert is_moved(grads[CRITIC][CRITIC][NETWORK])
    assert not is_moved(grads[CRITIC][GENERATOR])


def test_a_closed_channel_moves_the_density(begun):
    task, params = begun
    heads = params[GENERATOR][AGENT]["logits"]
    closing = {name: -30 * jnp.abs(value) for name, value in heads.items() if "gain" in name}
    agent = {**params[GENERATOR][AGENT], "logits": {**heads, **closing}}
    fewer = {**params, GENERATOR: {**params[GENERATOR], AGENT: agent}}
    spent = jax.jit(lambda params: task.spent(params, task.players))(fewer)
    assert spent[GENERATOR] < 1 / 0.7
    density = jax.jit(lambda params: task.density(params, task.players, jax.random.key(1)))
    assert density(fewer) > 1e-4


@pytest.mark.slow
def test_agents_end_in_a_narrow_generator_that_is_trained_on(trained_gan, tmp_path):
    workdir, _ = trained_gan
    config = agents_config(workdir)
    effjax.train(config, tmp_path / "agents", display=QUIET)
    kept = read_channels(tmp_path / "agents")
    config = tiny_config(
        "plain", name="narrow_generator", teacher=str(workdir), channels=str(tmp_path / "agents")
    )
    task = NarrowGenerator(View(config))
    assert task.model.architecture.widths == tuple(map(len, kept.generator))
    assert task.players.critic.architecture.widths == tuple(map(len, kept.critic))
    summary = effjax.train(config, tmp_path / "run", display=QUIET)
    assert summary["macs"] <= 0.7 * summary["teacher_macs"]
    rows = read_rows(tmp_path / "run")
    assert np.isfinite([row["train/loss"] for row in rows if "train/loss" in row]).all()
    images = sample(tmp_path / "run", QUIET, Wanted(count=1, out=(tmp_path / "a.png",)))
    assert images.shape == (2, 8, 8, 3)
