"""A run whose step calls oneDNN learns what the other learns; long runs on a CPU ask for it."""

import dataclasses
import types
from functools import partial

import jax
import numpy as np
import pytest

from effjax.config import View
from effjax.ops.onednn import calls as onednn
from effjax.tasks.run import build
from effjax.training import programs
from effjax.training.programs import lower, wants_less_memory, wants_onednn
from tests.training import tiny


def setup_of(**parallel):
    config = tiny.get_config("caformer")
    config.parallel.update(devices=1, **parallel)
    return build(config)


@pytest.mark.slow
@pytest.mark.skipif(not onednn.available(), reason="no calls on this machine or with this jaxlib")
def test_the_step_learns_the_same(monkeypatch):
    monkeypatch.setattr(onednn, "_LEAST_PRODUCTS", 0)
    learned, texts = {}, {}
    for calls in (True, False):
        setup = setup_of(onednn=calls)
        state = setup.runner.place(setup.fresh())
        lowered = lower(setup, (), state)
        texts[calls], step = lowered.as_text(), lowered.compile()
        with setup.source.batches() as batches:
            rows = []
            for _ in range(3):
                state, metrics = step(state, setup.runner.send(next(batches)))
                rows.append(jax.device_get(metrics))
        learned[calls] = rows
    assert "__onednn$matmul" in texts[True]
    assert "__onednn$convolution" in texts[True]
    assert "__onednn$" not in texts[False]
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-3, atol=1e-6), *learned.values())


def test_long_runs_ask_for_calls():
    setup = setup_of()
    assert not wants_onednn(setup)
    steps = 2**30 // (setup.config.data.batch_size * setup.config.data.image_size**2)
    for total, wanted in ((steps, True), (steps - 1, False)):
        clock = dataclasses.replace(setup.clock, total_steps=total)
        assert wants_onednn(dataclasses.replace(setup, clock=clock)) == wanted


def test_forward_derivatives_ask_for_none():
    setup = setup_of(onednn=True)
    assert wants_onednn(setup)
    task = types.SimpleNamespace(takes_forward_derivatives=True)
    assert not wants_onednn(dataclasses.replace(setup, task=task))


def test_the_log_of_the_compiler_is_held_back_and_comes_back(monkeypatch):
    levels = []
    monkeypatch.setattr(programs, "absl_set_min_log_level", levels.append)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    with programs.quiet_compiler():
        assert levels == [3]  # only what ends the process
    assert levels == [3, 0]


def test_long_runs_and_large_batches_keep_less_for_the_backward_pass():
    setup = setup_of()
    assert not wants_less_memory(setup)
    clock = dataclasses.replace(setup.clock, total_steps=2**30)
    assert wants_less_memory(dataclasses.replace(setup, clock=clock))
    large = tiny.get_config("caformer")
    large.data.batch_size = 2**18 // large.data.image_size**2
    # as a config alone: no batch of this size is made
    assert wants_less_memory(dataclasses.replace(setup, config=View(large)))
