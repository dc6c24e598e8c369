"""Metrics of the whole set: padded examples and the number of devices do not count."""

import jax
import numpy as np
import pytest
from PIL import Image
from sklearn import metrics

import effjax
from effjax.config import View, check
from effjax.report import choose_display
from effjax.runs.metrics import read_rows
from effjax.runs.schema import RunConfig
from effjax.tasks.whole_set import Ranking, Regression

SCORES = np.random.default_rng(0).standard_normal((12, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """12 images with two labels and one number each, all of them for validation."""
    folder = tmp_path_factory.mktemp("list")
    lines = ["image,cat,dog,age,split"]
    for k in range(12):
        Image.new("RGB", (4, 4)).save(folder / f"{k}.png")
        lines.append(f"{k}.png,{k % 2},{int(k < 3)},{k},validation")
    (folder / "list.csv").write_text("\n".join(lines))
    return folder


def view(folder, batch_size, **data):
    config = effjax.default_config()
    config.data.update(name=str(folder / "list.csv"), image_size=4, batch_size=batch_size, **data)
    check(config, RunConfig)
    return View(config)


def measured(evaluator, config, outputs):
    """What an evaluator says of a network that gives the `outputs` [12, T] by example."""

    def predict(variables, batch):
        return jax.numpy.take(variables, batch["label"], axis=0)

    made = evaluator(predict, config, config.evals.val)
    with made.source.batches() as batches:
        return dict(made(jax.numpy.asarray(outputs), None, batches))


@pytest.mark.parametrize("batch_size", [12, 8, 5])
def test_labels(folder, batch_size):
    found = measured(Ranking, view(folder, batch_size, targets=("cat", "dog")), SCORES)
    positive = np.array([[k % 2, k < 3] for k in range(12)], int)
    expected = {
        "map": metrics.average_precision_score(positive, SCORES, average="macro"),
        "auc": metrics.roc_auc_score(positive, SCORES, average="macro"),
        "f1": metrics.f1_score(positive, SCORES > 0, average="macro"),
        "f1_micro": metrics.f1_score(positive, SCORES > 0, average="micro"),
        "loss": (np.log1p(np.exp(SCORES)) - positive * SCORES).mean(),
    }
    assert found == pytest.approx(expected, rel=1e-6)


def test_numbers(folder):
    outputs = np.arange(12.0)[:, None] + SCORES[:, :1]
    found = measured(Regression, view(folder, 5, targets=("age",)), outputs)
    age = np.arange(12.0)[:, None]
    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(age, outputs), rel=1e-6)
    assert found["rmse"] == pytest.approx(metrics.mean_squared_error(age, outputs) ** 0.5, rel=1e-6)
    assert found["r2"] == pytest.approx(metrics.r2_score(age, outputs), rel=1e-6)


def test_one_class_against_the_others(folder):
    config = view(folder, 5, label="cat")
    made = np.array([[2.0, 0.0], [0.0, 1.0]])  # right for both classes
    found = measured(Ranking, config, made)
    assert (found["map"], found["auc"], found["f1"], found["f1_micro"]) == (1.0, 1.0, 1.0, 1.0)


@pytest.mark.slow
def test_a_run_is_the_same_on_one_device_on_a_mesh_and_with_pmap(tmp_path):
    """With weights by the label, a padded evaluation, and an interrupted epoch."""
    rng = np.random.default_rng(0)
    lines = ["image,cat,dog,split"]
    for k in range(40):
        pixels = rng.integers(0, 255, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{k}.png")
        lines.append(f"{k}.png,{k % 2},{int(k < 15)},{'train' if k < 27 else 'validation'}")
    (tmp_path / "list.csv").write_text("\n".join(lines))
    rows = {}
    for mode, devices in (("mesh", 1), ("mesh", 8), ("pmap", 8)):
        config = effjax.default_config()
        config.total_steps = 3.0
        config.data.update(name=str(tmp_path / "list.csv"), targets=("cat", "dog"))
        config.data.update(image_size=8, batch_size=16, train_split="train[:90%]")
        config.task.loss = "sigmoid"
        config.model.update(name="identityformer_s12", depths=(1, 1, 1, 1), dims=(4, 4, 4, 4))
        config.model.update(patch_kernels=1, patch_strides=(1, 1, 1, 1), patch_pads=0)
        config.parallel.update(mode=mode, devices=devices)
        config.log.update(every_steps=1.0, tensorboard=False, curves=False)
        workdir = tmp_path / f"{mode}{devices}"
        effjax.train(config, workdir, display=choose_display(quiet=True))
        measured = [
            {k: v for k, v in row.items() if "perf/" not in k} for row in read_rows(workdir)
        ]
        rows[mode, devices] = measured
    one = rows.pop(("mesh", 1))
    assert {"val/map", "val/auc", "val/f1"} <= set(one[-1])
    for other in rows.values():
        for row, wanted in zip(other, one, strict=True):
            assert row == pytest.approx(wanted, rel=2e-4, abs=1e-5)
