import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import effjax
from effjax.config import View
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.runs.metrics import read_rows
from effjax.tasks.pretraining.self_distillation.task import SelfDistillation
from effjax.tasks.run import train
from tests.tasks.pretraining.self_distillation.conftest import (
    BATCH,
    MUGS,
    SIZES,
    WIDTHS,
    batch,
    make,
    tiny_config,
)


def run(distillation, data):
    _, params, state, step = distillation
    return step(params, state, data, jax.random.key(1), jnp.asarray(0))


def test_a_step_moves_centre_queues_and_memories_once(distillation):
    _, _, state, _ = distillation
    (loss, (new, metrics)), grads = run(distillation, batch())
    assert jax.tree.map(jnp.shape, new) == jax.tree.map(jnp.shape, state)
    assert np.abs(new["centre"]).max() > 0
    for name in ("instance_queue", "local_group_queue"):
        assert int(new[name]["pointer"]) == 2 * BATCH  # both crops of the teacher
    for name in ("student_memory", "teacher_memory"):
        assert int(new[name]["pointer"]) == BATCH
    # the teacher learns nothing here: it moves after the update
    same = jax.tree.map(np.array_equal, new["teacher"]["params"], state["teacher"]["params"])
    assert all(jax.tree.leaves(same))
    names = {"group", "instance", "local_group", "patch", "koleo"}
    assert names | {"loss", "teacher_entropy", "mean_entropy"} == metrics.keys()
    total = {name: float(value / count) for name, (value, count) in metrics.items()}
    terms = (total["group"] + total["instance"] + total["local_group"]) / 3
    assert float(loss) == pytest.approx(terms + total["patch"] + 0.1 * total["koleo"], rel=1e-4)
    for part in ("group", "instance", "local_group", "relation", "mask_token"):
        assert any(np.any(leaf) for leaf in jax.tree.leaves(grads["head"][part])), part


def test_what_cannot_be_read_counts_for_nothing(distillation):
    data = batch()
    data["mask"][5:] = 0
    changed = dict(data)
    for name in ("view_global1", "view_global2", "view_local"):
        changed[name] = data[name].copy()
        changed[name][5:] = 255
    (one, (new, _)), _ = run(distillation, data)
    (other, (again, _)), _ = run(distillation, changed)
    assert float(one) == pytest.approx(float(other), rel=1e-5)
    for name in ("centre", "instance_queue", "teacher_memory"):
        for left, right in zip(jax.tree.leaves(new[name]), jax.tree.leaves(again[name])):
            np.testing.assert_allclose(left, right, atol=1e-5)
    assert int(new["teacher_memory"]["pointer"]) == 5


def test_the_temperature_rises_and_the_teacher_slows_down():
    task = make(teacher_temperature=0.08, temperature_warmup_percent=75.0)
    found = [float(task.teacher_temperature(jnp.asarray(step))) for step in range(4)]
    assert found == pytest.approx([0.04, 0.06, 0.08, 0.08])
    assert float(task.momentum(jnp.asarray(0))) == pytest.approx(0.5)
    assert float(task.momentum(jnp.asarray(4))) == pytest.approx(1.0)


def take_model(config, name):
    """Another model, without fields of its own."""
    section = effjax.default_config().model
    section.name = name
    with config.unlocked():
        config.model = section


@pytest.mark.parametrize(
    ("message", "change"),
    [
        ("accumulate = 2: in parts", lambda c: c.update(accumulate=2)),
        ("is an average", lambda c: c.ema.update(decay=0.9)),
        ("needs the tokens of a ViT", lambda c: take_model(c, "poolformer_s12")),
        ("a large view is one crop", lambda c: c.data.views.global1.update(count=2)),
    ],
)
def test_what_cannot_be_learned_is_refused(message, change):
    config = tiny_config(patch_weight=1.0)
    change(config)

    def use():
        task = SelfDistillation(View(config))
        return task.model, task.student_views

    with pytest.raises(UserError, match=message):
        use()


@pytest.mark.slow
def test_it_continues_to_the_bit_and_on_any_devices(tmp_path):
    """All queues and memories: resume, four devices under a mesh, two under pmap."""

    def trained(name, devices=1, mode="mesh"):
        config = tiny_config(**MUGS, **SIZES, **WIDTHS)
        config.parallel.update(devices=devices, mode=mode)
        config.checkpoint.update(every_steps=2.0)
        train(config, tmp_path / name, display=choose_display(quiet=True))
        return read_rows(tmp_path / name)

    def losses(rows):
        return [row["train/loss"] for row in rows if "train/loss" in row]

    whole = trained("whole")
    shutil.copytree(tmp_path / "whole", tmp_path / "cut")
    shutil.rmtree(tmp_path / "cut/checkpoints/4")
    (tmp_path / "cut/summary.json").unlink()
    continued = trained("cut")
    assert losses(continued) == losses(whole)
    values = [row for row in whole if "val/knn_top1" in row][-1]
    again = [row for row in continued if "val/knn_top1" in row][-1]
    assert again["val/centre_entropy"] == values["val/centre_entropy"]
    for name, devices, mode in (("mesh", 4, "mesh"), ("pmap", 2, "pmap")):
        assert losses(trained(name, devices, mode)) == pytest.approx(losses(whole), rel=2e-4)
