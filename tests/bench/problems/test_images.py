"""Networks on images in memory: what is read is what the loader would show; shapes by tracing."""

import types

import jax
import numpy as np
import pytest

from effjax.bench.member import Member, make_recipe
from effjax.bench.problems import images, make_problem
from effjax.bench.problems.images import read_arrays, run_config
from effjax.bench.schema import workload
from effjax.config import View
from effjax.data import open_split
from effjax.errors import UserError

CAFORMER = {
    "name": "caformer_s18",
    "depths": (1, 1, 1, 1),
    "dims": (8, 8, 32, 32),
    "patch_kernels": (3, 3, 3, 3),
    "patch_strides": (2, 2, 2, 1),
    "patch_pads": (1, 1, 1, 1),
}


def digits(**data):
    fields = {"name": "digits", "image_size": 16, **data}
    return View(workload(problem="images", data=fields, model=CAFORMER, batch_size=8, max_steps=4))


def test_parts_of_one_split_do_not_meet():
    w = digits(train_examples=200, eval_examples=50)
    config = View(run_config(w, None))
    train, held_out = read_arrays(w, config)
    assert train["image"].shape == (200, 16, 16, 3)
    assert held_out["image"].shape == (50, 16, 16, 3)
    assert train["image"].dtype == np.uint8
    opened = open_split(config.data, "train", seed=0, batch_size=1437, train=False)
    with opened.batches() as batches:
        whole = next(batches)
    order = np.random.default_rng(0).permutation(1437)
    for name in ("image", "label"):
        np.testing.assert_array_equal(train[name], whole[name][order[:200]])
        np.testing.assert_array_equal(held_out[name], whole[name][order[200:250]])


def test_a_split_of_its_own_and_too_few():
    w = digits(eval_split="validation")
    train, held_out = read_arrays(w, View(run_config(w, None)))
    assert (len(train["label"]), len(held_out["label"])) == (1437, 360)
    w = digits(train_examples=1400, eval_examples=50)
    with pytest.raises(UserError, match="1450 are asked for"):
        read_arrays(w, View(run_config(w, None)))


def test_a_network_traces():
    w = digits(train_examples=64, eval_examples=20)
    problem = make_problem(w)
    member = Member(problem, make_recipe("adan", [{"learning_rate": 1e-3}], "cosine", w))

    def run(seed, order, train, held_out):
        settings = {"learning_rate": 1e-3}
        state = member.start(settings, *member.init(seed))
        state, losses = member.train(state, settings, seed, train, order, 2)
        return losses, member.evaluate(member.evaluated(state), state.model_state, held_out)

    order = np.zeros((2, 8), np.int32)
    losses, found = jax.eval_shape(run, np.int32(0), order, problem.train, problem.held_out)
    assert losses.shape == (2,)
    assert {name: value.shape for name, value in found.items()} == {"val/loss": (), "val/error": ()}


def test_an_unknown_network():
    data = {"name": "digits", "eval_split": "validation"}
    w = workload(problem="images", data=data, model={"name": "caformer_s81"})
    with pytest.raises(UserError, match="caformer_s18"):
        make_problem(View(w))


def test_files_that_are_not_there(tmp_path):
    data = {"name": "no_such_set", "files": "some.zip", "eval_split": "validation"}
    w = View(workload(problem="images", data=data, model=CAFORMER))
    with pytest.raises(UserError, match="data_dir=FOLDER that has some"):
        make_problem(w, str(tmp_path))


def test_an_image_that_cannot_be_read_is_no_example(monkeypatch):
    """It comes as a black image with a mask of 0, and would count as one of its class."""
    labels = np.arange(6, dtype=np.int32)

    def views(rows, choice):
        pixels = np.ones((len(rows), 2, 2, 3), np.uint8)
        return pixels, labels[rows], (labels[rows] != 3).astype(np.float32)

    opened = types.SimpleNamespace(num_examples=6, stream=types.SimpleNamespace(views=views))
    monkeypatch.setattr(images, "open_split", lambda *_, **__: opened)
    w = digits(train_examples=4, eval_examples=2)
    train, held_out = read_arrays(w, View(run_config(w, None)))
    assert sorted([*train["label"], *held_out["label"]]) == [0, 1, 2, 4, 5]
    labels[:] = 3
    with pytest.raises(UserError, match="no image can be read"):
        read_arrays(w, View(run_config(w, None)))
