"""Losses against their formulas, a student that has only a teacher, and what may go wrong."""

import dataclasses
import json

import jax
import numpy as np
import pytest

import effjax
from effjax.models import registry
from effjax.report import choose_display
from effjax.runs.packing import describe
from effjax.tasks.distillation import hard, hard_labels, soft, soft_labels
from effjax.tasks.run import build, restore
from effjax.training.restore import evaluated

RNG = np.random.default_rng(0)
STUDENT, TEACHER = RNG.normal(size=(2, 5, 7)).astype(np.float32)  # logits [B, K]


def log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_soft_is_the_divergence_at_a_temperature(temperature):
    p, q = log_softmax(TEACHER / temperature), log_softmax(STUDENT / temperature)
    expected = temperature**2 * (np.exp(p) * (p - q)).sum(-1)
    np.testing.assert_allclose(soft(STUDENT, TEACHER, temperature), expected, rtol=1e-4)
    np.testing.assert_allclose(soft(TEACHER, TEACHER, temperature), 0.0, atol=1e-5)


def test_hard_is_cross_entropy_with_the_teachers_class():
    expected = -log_softmax(STUDENT)[np.arange(5), TEACHER.argmax(-1)]
    np.testing.assert_allclose(hard(STUDENT, TEACHER), expected, rtol=1e-5)


def test_of_several_labels_each_is_a_question_of_its_own():
    def two_classes(logits):
        """The logits of yes and no, [B * K, 2]."""
        return np.stack([logits, np.zeros_like(logits)], -1).reshape(-1, 2)

    student, teacher = two_classes(STUDENT), two_classes(TEACHER)
    expected = soft(student, teacher, 3.0).reshape(5, 7).mean(-1)
    np.testing.assert_allclose(soft_labels(STUDENT, TEACHER, 3.0), expected, rtol=1e-4)
    expected = hard(student, teacher).reshape(5, 7).mean(-1)
    np.testing.assert_allclose(hard_labels(STUDENT, TEACHER), expected, rtol=1e-5)


def make_config(width: int, steps: int, **task):
    """A network of four one-block stages on the digits at 16 x 16."""
    config = effjax.default_config()
    config.total_steps = float(steps)
    config.task.update(task)
    config.model.update(name="identityformer_s12", depths=1, drop_path_rate=0.0)
    config.model.dims = (width, width, 2 * width, 2 * width)
    config.data.update(name="digits", image_size=16, batch_size=64, cache="memory")
    config.data.augment.update(crop="none", hflip=0.0)
    config.optim.default.update(name="adam", learning_rate=5e-3)
    config.parallel.devices = 1
    config.log.update(tensorboard=False, curves=False)
    return config


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """The folder of a run that can be a teacher; what it has learned does not matter."""
    folder = tmp_path_factory.mktemp("teacher")
    config = make_config(8, 2)
    config.evals.val.every_steps = None
    effjax.train(config, folder, display=choose_display(quiet=True))
    return folder


@pytest.mark.slow
def test_a_student_learns_from_its_teacher_alone(tmp_path):
    folder = tmp_path / "trained"
    summary = effjax.train(make_config(32, 100), folder, display=choose_display(quiet=True))
    top1 = summary["final"]["val/top1"]
    moved = tmp_path / "teacher"
    moved.symlink_to(folder)
    config = make_config(16, 150, name="distill", teacher=str(moved), alpha=1.0)
    summary = effjax.train(config, tmp_path / "student", display=choose_display(quiet=True))
    assert top1 > 0.85
    assert summary["final"]["val/top1"] > 0.8

    moved.unlink()  # the student does not need its teacher any more, nor does it contain it
    _, state = restore(tmp_path / "student", choose_display(quiet=True))
    assert describe(state) == describe(build(make_config(16, 150)).abstract)


def task_of(**task):
    num_classes = task.pop("num_classes", None)
    config = make_config(16, 10, name="distill", **task)
    config.model.num_classes = num_classes
    return build(config).task


def test_the_loss_is_a_mixture(teacher):
    labels = jax.nn.one_hot(np.arange(5), 7)
    losses = {}
    for alpha in (0.0, 0.25, 1.0):
        task = task_of(teacher=str(teacher), alpha=alpha, temperature=2.0)
        task.teacher = lambda images: TEACHER
        losses[alpha] = task.losses(STUDENT, labels, None)
    expected = -log_softmax(STUDENT)[np.arange(5), np.arange(5)]
    np.testing.assert_allclose(losses[0.0], expected, rtol=1e-5)
    np.testing.assert_allclose(losses[1.0], soft(STUDENT, TEACHER, 2.0), rtol=1e-5)
    np.testing.assert_allclose(losses[0.25], 0.75 * losses[0.0] + 0.25 * losses[1.0], rtol=1e-5)


@pytest.mark.slow
def test_a_teacher_from_a_weights_file_says_the_same(teacher, tmp_path, monkeypatch):
    setup, state = restore(teacher, choose_display(quiet=True))
    weights, model = evaluated(setup, state), setup.task.model
    file = tmp_path / "teacher.safetensors"
    effjax.save_weights(model, {"params": weights["params"], **weights["model_state"]}, file)
    entry = registry.entry("identityformer_s12")
    small = dataclasses.replace(entry, architecture=model.architecture)
    monkeypatch.setitem(registry._entries, "small", small)
    images = RNG.normal(size=(2, 16, 16, 3)).astype(np.float32)
    from_file = {"teacher_model": "small", "teacher_weights": str(file)}
    from_run = task_of(teacher=str(teacher)).teacher(images)
    np.testing.assert_array_equal(task_of(**from_file).teacher(images), from_run)
    with pytest.raises(effjax.UserError, match="the student 12\ngive a teacher that was"):
        _ = task_of(**from_file, num_classes=12).teacher


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({}, "distill needs one teacher"),
        ({"teacher_model": "caformer_s18"}, "distill needs one teacher"),
        ({"teacher": "here", "teacher_weights": "there"}, "distill needs one teacher"),
        ({"teacher": "nowhere"}, "nowhere is not a run's folder"),
        (
            {"teacher_model": "identityformer_s12", "teacher_weights": "no.pth"},
            "no weights at no.pth",
        ),
        ({"teacher": "nowhere", "temprature": 2.0}, "did you mean 'temperature'"),
        ({"teacher": "nowhere", "distillation": "warm"}, "config.task.distillation = 'warm'"),
        ({"teacher": "nowhere", "alpha": 1.5}, "expected 0 <= alpha <= 1"),
        ({"teacher": "nowhere", "temperature": 0.0}, "expected more than 0"),
        ({"teacher": "no", "distillation": "hard", "temperature": 2.0}, "for soft distillation"),
    ],
)
def test_mistakes_are_said_in_two_lines(task, message):
    with pytest.raises(effjax.UserError, match=message) as error:
        _ = task_of(**task).teacher
    assert len(str(error.value).splitlines()) <= 2


def test_the_classes_of_a_teacher_are_matched_by_name(tmp_path):
    def ours_of(*labels):
        content = {"config": {}, "record": {"labels": labels}}
        (tmp_path / "config.json").write_text(json.dumps(content))
        return task._our_classes(tmp_path, len(labels))

    task = task_of(teacher=str(tmp_path))
    digits = task.split.class_names
    assert ours_of(*digits) == slice(None)
    np.testing.assert_array_equal(ours_of(*digits[::-1]), np.arange(10)[::-1])
    np.testing.assert_array_equal(ours_of("ten", *digits), 1 + np.arange(10))
    with pytest.raises(effjax.UserError, match="does not know the classes 8, 9\ngive a teacher"):
        ours_of("ten", "eleven", *digits[:8])


def test_a_missing_teacher_leaves_no_workdir(tmp_path):
    config = make_config(16, 10, name="distill", teacher=str(tmp_path / "nowhere"))
    with pytest.raises(effjax.UserError, match="nowhere is not a run's folder"):
        effjax.train(config, tmp_path / "student", display=choose_display(quiet=True))
    assert not (tmp_path / "student").exists()


def test_a_teacher_of_other_classes_or_colours_is_refused(teacher):
    with pytest.raises(effjax.UserError, match="knows 10 classes, the student 12"):
        _ = task_of(teacher=str(teacher), num_classes=12).teacher
    config = make_config(16, 10, name="distill", teacher=str(teacher))
    config.data.mean = (0.5, 0.5, 0.5)
    with pytest.raises(effjax.UserError, match=r"--config.data.mean=\(0.485"):
        _ = build(config).task.teacher


@pytest.mark.slow
@pytest.mark.parametrize(
    "way", [{"mode": "pmap"}, {"mode": "mesh"}, {"fsdp": 8, "shard_least": 64}]
)
def test_a_student_learns_the_same_on_several_devices_in_parts(teacher, tmp_path, way):
    rows = []
    for name, parallel in (("one", {"devices": 1}), ("many", {"devices": 8} | way)):
        config = make_config(16, 10, name="distill", teacher=str(teacher))
        config.accumulate = 2
        config.parallel.update(parallel)
        summary = effjax.train(config, tmp_path / name, display=choose_display(quiet=True))
        rows.append({k: v for k, v in summary["final"].items() if not k.startswith("perf/")})
    one, many = rows
    assert many == {name: pytest.approx(value, rel=1e-4, abs=1e-5) for name, value in one.items()}
