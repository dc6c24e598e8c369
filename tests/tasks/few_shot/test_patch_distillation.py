import jax
import numpy as np
import pytest

import effjax
from effjax.config import View
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.runs.metrics import read_rows
from effjax.tasks.few_shot.patch_distillation import PatchDistillation
from effjax.tasks.run import train


def tiny_config(**task):
    """A small Visformer on made-up images of 32 pixels: a map of 2x2."""
    config = effjax.default_config()
    config.total_steps = 2.0
    config.task.update(task)
    config.model.update(name="visformer_micro_80", depths=(1, 1, 1), dims=(8, 8, 16), heads=2)
    config.model.drop_path_rate = 0.0
    config.data.update(name="synthetic", image_size=32, batch_size=8, synthetic_examples=16)
    config.data.synthetic_classes = 4
    config.mix.erase_prob = 0.25
    config.optim.default.update(name="adamw", learning_rate=1e-3)
    config.schedule.warmup_steps = 0.0
    config.log.update(tensorboard=False, curves=False, every_steps=1.0)
    config.parallel.devices = 1
    return config


def make(**task):
    return PatchDistillation(View(tiny_config(name="patch_distillation", **task)))


def test_the_student_has_a_class_more_for_patches_and_hands_on_none_of_it():
    task = make(teacher="runs/nowhere")
    batch = {name: jax.ShapeDtypeStruct(s.shape, s.dtype) for name, s in task.split.spec.items()}
    params, state = jax.eval_shape(task.init, jax.random.key(0), batch)
    assert params["patches"]["kernel"].shape == (16, 5)
    alone, _ = task.network_alone(params, state)
    assert "patches" not in alone
    depths, last = task.depths(params)
    assert depths["patches"]["kernel"] == last


def test_patches_have_targets_as_many_as_are_asked_for():
    task = make(teacher="runs/nowhere", background=0.5, smoothing=0.0, classes_of_patch=1)
    targets = task._patch_targets(jax.random.normal(jax.random.key(0), (2, 4, 4)))
    assert np.asarray(targets[..., 4].sum(1)).tolist() == [2, 2]


@pytest.mark.parametrize(
    ("message", "task", "change"),
    [
        ("needs a teacher", {}, lambda c: None),
        ("have no label", {"teacher": "x"}, lambda c: c.mix.update(mixup=0.8)),
        ("does not have", {"teacher": "x"}, lambda c: take_model(c, "resnet18")),
    ],
)
def test_what_cannot_be_learned_is_refused(message, task, change):
    config = tiny_config(name="patch_distillation", **task)
    change(config)

    def use():
        return PatchDistillation(View(config)).model

    with pytest.raises(UserError, match=message):
        use()


def take_model(config, name):
    """Another model, without fields of its own."""
    section = effjax.default_config().model
    section.name = name
    with config.unlocked():
        config.model = section


@pytest.mark.slow
def test_three_phases(tmp_path):
    quiet = choose_display(quiet=True)
    train(tiny_config(), tmp_path / "teacher", display=quiet)
    student = tiny_config(name="patch_distillation", teacher=str(tmp_path / "teacher"))
    train(student, tmp_path / "student", display=quiet)
    rows = [row for row in read_rows(tmp_path / "student") if "train/patch_loss" in row]
    assert len(rows) == 2
    assert rows[0]["train/loss"] == pytest.approx(
        rows[0]["train/class_loss"] + 0.5 * rows[0]["train/patch_loss"], rel=1e-5
    )
    tuned = tiny_config(name="few_shot", ways=2, shots=1, queries=1)
    tuned.mix.erase_prob = 0.0
    tuned.data.update(batch_size=8)
    tuned.init_from = str(tmp_path / "student")
    tuned.evals.val.update(evaluator="episodes", ways=2, queries=1, shots=(1,), episodes=5)
    summary = train(tuned, tmp_path / "tuned", display=quiet)
    assert "val/2way_1shot" in summary["final"]
