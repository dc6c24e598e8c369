"""What all searches by gradient share: what they refuse, where they stop, and resume to the bit."""

import json
import os
import signal

import jax
import numpy as np
import pytest

import effjax
from effjax.config import View
from effjax.errors import Preempted, UserError
from effjax.models import create_model, read_architecture
from effjax.report import choose_display
from effjax.runs.metrics import read_rows
from effjax.search.cells.bilevel import WEIGHTS_ONLY
from effjax.search.cells.darts import DartsSearch
from effjax.search.cells.halves import TwoParts
from tests.search.cells.small import SPACE, small_config


def task_of(**task):
    return DartsSearch(View(small_config("darts", **task)))


@pytest.mark.parametrize(
    ("section", "fields", "message"),
    [
        ("", {"accumulate": 2}, "config.accumulate = 2: a search by gradient does without it"),
        ("sam", {"rho": 0.1}, "config.sam.rho = 0.1: a search by gradient does without it"),
        ("task", {"frozen": "stem"}, "config.task.frozen: a search by gradient does without it"),
    ],
)
def test_what_it_cannot_do_is_refused(section, fields, message):
    config = small_config("darts")
    (config[section] if section else config).update(fields)
    with pytest.raises(UserError, match=message):
        DartsSearch(View(config))


def test_alphas_are_held_by_a_program_of_its_own():
    task = task_of(hold_steps=2.0)
    assert [task.variant(step) for step in (0, 1, 2)] == [WEIGHTS_ONLY, WEIGHTS_ONLY, ()]
    assert task_of().variant(0) == ()


def memory_of(alphas, eigenvalues):
    """Entries 0, 4, 8, ...; alphas: for each the operation that weighs most on all edges."""
    edges, operations = len(SPACE.edges), len(SPACE.operations)
    history = np.zeros((len(alphas), edges, operations), np.float32)
    for place, operation in enumerate(alphas):
        history[place, :, operation] = 5
    return {
        "count": np.int32(len(alphas)),
        "steps": 4 * np.arange(len(alphas)),
        "eigenvalues": np.asarray(eigenvalues, np.float32),
        "alphas": {"normal": history, "reduce": history},
    }


def test_it_stops_at_skips_or_before_the_eigenvalue_rises():
    skip, conv = 1, 3
    memory = memory_of([conv, conv, conv, skip], [1.0, 1.0, 4.0, 4.0])
    assert task_of(stop="skips").stopped_at(memory) == 3
    assert task_of(stop="eigenvalue", stop_window=1).stopped_at(memory) == 1
    assert task_of().stopped_at(memory) is None


class Interrupted(TwoParts):
    """A signal comes with the batch of the fifth step."""

    def batches(self, start=0):
        for step, batch in enumerate(super().batches(start), start):
            if step == 4:
                os.kill(os.getpid(), signal.SIGTERM)
            yield batch


@pytest.mark.slow
@pytest.mark.parametrize("name", ["darts", "pr_darts"])
def test_a_search_goes_on_to_the_bit_and_its_find_is_a_network(name, tmp_path, monkeypatch):
    # one cell, which reduces: the alphas of the normal cell stay where they are
    config = small_config(name, curvature_batches=1, search_layers=1)
    if name == "darts":
        config.task.order = "first"
    quiet = choose_display(quiet=True)
    effjax.train(config, tmp_path / "whole", display=quiet)
    with monkeypatch.context() as patched:
        patched.setattr("effjax.search.cells.bilevel.TwoParts", Interrupted)
        with pytest.raises(Preempted):
            effjax.train(config, tmp_path / "halves", display=quiet)
    effjax.train(config, tmp_path / "halves", display=quiet)
    for file in ("search.json", "architecture.json"):
        whole, halves = ((tmp_path / run / file).read_text() for run in ("whole", "halves"))
        assert whole == halves
    losses = [
        [row["train/held_out_loss"] for row in read_rows(tmp_path / run) if "train/loss" in row]
        for run in ("whole", "halves")
    ]
    assert losses[0] == losses[1]
    record = json.loads((tmp_path / "whole/search.json").read_text())
    assert [row["step"] for row in record["way"]] == [0, 4, 8]
    assert all(np.isfinite(row["eigenvalue"]) for row in record["way"])
    found, fields = read_architecture(tmp_path / "whole/architecture.json")
    model = create_model(found, 10, **fields)
    assert model.architecture.width == 4
    jax.eval_shape(model.init, jax.random.key(0), np.zeros((1, 8, 8, 3), np.float32))
