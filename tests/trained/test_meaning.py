"""Runs of several labels or of numbers are used as those of classes are."""

import csv
import dataclasses
import functools
import json

import jax
import numpy as np
import pytest
from PIL import Image

import effjax
from effjax import cli
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.tasks.run import build
from effjax.tasks.starting import find_start
from effjax.tasks.trained_network import refuse_other_targets
from effjax.trained.meaning import ONE_CLASS, Meaning, read_meaning, recorded_meaning

NUMBERS = Meaning("numbers", (10.0, -1.0), (2.0, 0.5))
LABELS = Meaning("labels")
LOGITS = np.array([[0.0, 2.0], [-3.0, 1.0]], np.float32)


def test_outputs_become_answers():
    in_units = np.asarray(NUMBERS.in_units(LOGITS))
    np.testing.assert_allclose(in_units, [[10.0, 0.0], [4.0, -0.5]])
    np.testing.assert_array_equal(NUMBERS.answers(in_units), in_units)
    np.testing.assert_allclose(LABELS.answers(LOGITS), 1 / (1 + np.exp(-LOGITS)), rtol=1e-6)
    np.testing.assert_allclose(ONE_CLASS.answers(LOGITS).sum(-1), 1.0, rtol=1e-6)


@pytest.mark.parametrize("meaning", [ONE_CLASS, LABELS, NUMBERS])
def test_the_answers_of_an_average_are_the_mean_of_the_answers(meaning):
    views = [LOGITS, LOGITS + 1, -LOGITS]
    expected = np.mean([meaning.answers(view) for view in views], 0)
    np.testing.assert_allclose(meaning.answers(meaning.average(views)), expected, rtol=1e-5)
    assert read_meaning(json.loads(json.dumps(meaning.to_json()))) == meaning


def test_what_needs_classes_says_so():
    ONE_CLASS.needs_class("a confusion matrix")
    with pytest.raises(UserError, match="a confusion matrix is for networks of one class"):
        LABELS.needs_class("a confusion matrix")
    with pytest.raises(UserError, match="did not record the units of its numbers"):
        recorded_meaning({"targets": "numbers"}, "runs/x")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Sixteen images and a list with two labels and two measurements of each."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    lines = ["image,cat,dog,age,size,split"]
    for k in range(16):
        pixels = rng.integers(0, 255, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{k}.png")
        split = "train" if k < 12 else "validation"
        lines.append(f"{k}.png,{k % 2},{int(k < 6)},{100 + k},{0.25 * k * k},{split}")
    (folder / "list.csv").write_text("\n".join(lines))
    return folder


def config_of(photos, loss, targets):
    config = effjax.default_config()
    config.total_steps = 2.0
    config.data.update(name=str(photos / "list.csv"), targets=targets, image_size=8, batch_size=8)
    config.task.loss = loss
    config.optim.default.name = "sgd"  # compiled in a third of Adan's time
    config.model.update(name="identityformer_s12", depths=(1, 1, 1, 1), dims=(4, 4, 4, 4))
    config.model.update(patch_kernels=1, patch_strides=(1, 1, 1, 1), patch_pads=0)
    config.parallel.devices = 1
    config.log.update(tensorboard=False, curves=False)
    return config


OF_LABELS = pytest.param(("sigmoid", "labels"), marks=pytest.mark.slow)


@pytest.fixture(scope="module", params=[OF_LABELS, ("huber", "numbers")])
def run(request, photos):
    """(workdir, kind, names) of a short run."""
    loss, kind = request.param
    names = ("cat", "dog") if kind == "labels" else ("age", "size")
    workdir = photos / loss
    config = config_of(photos, loss, names)
    effjax.train(config, workdir, display=choose_display(quiet=True))
    return workdir, kind, names


def test_predictions_in_python_in_files_and_exported(run, photos, capsys):
    workdir, kind, names = run
    trained = effjax.load(workdir)
    images = [str(photos / "0.png"), str(photos / "1.png")]
    found = trained.predict(images)
    outputs = trained.model.apply(trained.variables, trained.preprocess(images), train=False)
    assert (found.kind, found.classes) == (kind, names)
    if kind == "labels":
        np.testing.assert_allclose(found.probabilities, jax.nn.sigmoid(outputs), rtol=1e-5)
        given = tuple(np.array(names)[found.probabilities[0] > 0.5])
        assert set(found.labels[0]) == set(given)
    else:
        ages = 100 + np.arange(12)
        np.testing.assert_allclose(trained.meaning.mean[0], ages.mean(), rtol=1e-6)
        expected = outputs[:, 0] * ages.std() + ages.mean()
        np.testing.assert_allclose(found.numbers[:, 0], expected, rtol=1e-5)
        with pytest.raises(UserError, match="these are numbers, not probabilities"):
            _ = found.labels
    # the same from the command line, and from the exported weights
    weights = photos / f"{kind}.safetensors"
    cli.main(["export", f"--workdir={workdir}", "--format=safetensors", f"--out={weights}"])
    assert json.loads(weights.with_suffix(".json").read_text())["meaning"]["kind"] == kind
    capsys.readouterr()
    for flag in (f"--workdir={workdir}", f"--weights={weights}"):
        out = photos / "found.csv"
        cli.main(["predict", flag, *images, f"--output={out}", "--quiet"])
        rows = list(csv.DictReader(out.read_text().splitlines()))
        values = [[float(row[name]) for name in names] for row in rows]
        np.testing.assert_allclose(values, found.answers, rtol=1e-4, atol=1e-6)
        capsys.readouterr()
        cli.main(["predict", flag, *images, "--json"])
        line = json.loads(capsys.readouterr().out.splitlines()[0])
        told = line["probabilities" if kind == "labels" else "numbers"]
        np.testing.assert_allclose([told[name] for name in names], found.answers[0], rtol=1e-4)
    assert names[0] in repr(found)


def test_details_are_what_training_measured(run, capsys):
    workdir, kind, names = run
    report = workdir / "report"
    cli.main(["evaluate", f"--workdir={workdir}", f"--out={report}"])
    told = capsys.readouterr().out
    found = json.loads((report / "evaluation.json").read_text())
    final = json.loads((workdir / "summary.json").read_text())["final"]
    assert [one["name"] for one in found[kind]] == list(names)
    assert all(name in told for name in names)
    same = {"mae": "mean_mae", "rmse": "mean_rmse", "r2": "mean_r2"}
    if kind == "labels":
        same = {"map": "mean_average_precision", "auc": "mean_auc", "f1": "mean_f1"}
    for metric, key in same.items():
        measured = final[f"val/{metric}"]
        if found[key] is None:  # undefined, as JSON has it
            assert measured is None or np.isnan(measured)
        else:
            np.testing.assert_allclose(found[key], measured, rtol=1e-4)


def test_another_run_starts_from_it_and_another_kind_refuses_it(run):
    workdir, kind, names = run
    start = find_start(str(workdir))
    assert start.labels == names
    assert start.model.num_classes == len(names)
    refuse_other_targets(workdir, "the teacher", kind)
    with pytest.raises(UserError, match=f"{workdir} learned .*{kind}; here one class an image is"):
        refuse_other_targets(workdir, "the teacher", "class")


def test_it_teaches_a_student_that_learns_the_same(run, photos):
    workdir, kind, names = run
    config = config_of(photos, workdir.name, names[::-1])  # matched by name
    config.task.update(name="distill", teacher=str(workdir), alpha=1.0)
    task = build(config).task
    images = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype(np.float32)
    said = np.asarray(jax.jit(task.teacher)(images))  # [4, 2]
    trained = effjax.load(workdir)
    apply = jax.jit(functools.partial(trained.model.apply, train=False))
    outputs = np.asarray(apply(trained.variables, images))[:, ::-1]
    np.testing.assert_allclose(said, outputs, rtol=1e-5, atol=1e-5)  # the same training images
    np.testing.assert_allclose(task.losses(said, said, images), 0.0, atol=1e-6)
    if kind == "numbers":
        # the units of a student of other images
        task.targets = dataclasses.replace(task.targets, mean=0 * task.targets.mean)
        del task.teacher
        moved = np.asarray(jax.jit(task.teacher)(images)) * task.targets.std
        np.testing.assert_allclose(moved, trained.meaning.in_units(outputs[:, ::-1])[:, ::-1], 1e-5)
        config.task.temperature = 2.0
        with pytest.raises(UserError, match="are for classes and labels"):
            _ = build(config)
