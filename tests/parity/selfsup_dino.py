"""Recorded values of DINO and its relatives, through the task `self_distillation`."""

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.tasks.pretraining.self_distillation import losses
from effjax.tasks.pretraining.self_distillation.heads import PrototypeHead
from effjax.tasks.pretraining.self_distillation.schedules import cosine, risen
from tests.parity.selfsup_weights import Names, draw, norm

Spec = Mapping[str, Any]
Arrays = Mapping[str, np.ndarray]
Pairs = Iterator[tuple[str, Any]]
TEACHER_CROPS = 2


def by_crop(rows: Any, batch: int) -> jax.Array:
    """[V * B, K] -> [V, B, K]: rows come crop by crop."""
    return jnp.reshape(rows, (-1, batch, np.shape(rows)[-1]))


def temperatures(case: Mapping[str, Any]) -> list[jax.Array]:
    """Of the teacher, by epoch."""
    start, end = case["warmup_teacher_temp"], case["teacher_temp"]
    return [risen(start, end, epoch, case["warmup_epochs"]) for epoch in range(case["epochs"])]


def cluster_loss(
    case: Mapping[str, Any], mean: Any, student: Any, teacher: Any, centre: Any, temperature: Any
) -> jax.Array:
    """The loss of rows, its pairs reduced by `mean`."""
    said = by_crop(student, case["B"]) / case["student_temperature"]
    wanted = losses.sharpened(by_crop(teacher, case["B"]), centre, temperature)
    return mean(losses.cross_entropies(said, wanted)).mean()


def follow_centre(name: str, spec: Spec, outputs: int, graded: int, mean: Any) -> Pairs:
    """Losses and centres over the steps of a case, and a gradient at step `graded`."""
    case = spec["cases"][name]
    centre = jnp.zeros(outputs)
    values, centres = [], []
    by_epoch = temperatures(case)
    everyone = jnp.ones(case["B"])
    for t in range(case["steps"]):
        student, teacher = (draw(spec, name, f"{who}{{t}}", t=t) for who in ("student", "teacher"))

        def loss(rows, teacher=teacher, centre=centre, t=t):
            return cluster_loss(case, mean, rows, teacher, centre, by_epoch[t])

        value, grad = jax.value_and_grad(loss)(jnp.asarray(student))
        if t == graded:
            yield f"{name}/grad_student{t}", grad
        rows = by_crop(teacher, case["B"])
        centre = losses.moved_centre(centre, rows, everyone, case["center_momentum"])
        values.append(value)
        centres.append(centre)
    yield f"{name}/loss", values
    yield f"{name}/center", centres
    yield f"{name}/teacher_temperature", by_epoch


def graded_step(name: str, keys: list[str]) -> int:
    """The step whose gradient is asked for, which its name says."""
    start = f"{name}/grad_student"
    found = [key.removeprefix(start) for key in keys if key.startswith(start)]
    return int(found[0]) if found else 0


def compute_dino(spec: Spec, inputs: Arrays, keys: list[str]) -> Pairs:
    step = graded_step("dino", keys)
    outputs = spec["cases"]["dino"]["C"]
    yield from follow_centre("dino", spec, outputs, step, losses.mean_of_pairs)


def compute_head(spec: Spec, inputs: Arrays, keys: list[str]) -> Pairs:
    case = spec["cases"]["dino_head"]
    names = Names(case["weights"], "dino_head/", lambda stem: {
        "mlp.0": "mlp/layers_0", "mlp.2": "mlp/layers_1", "mlp.4": "mlp/layers_2",
    }.get(stem, stem))  # fmt: skip
    names = HeadNames(case["weights"], "dino_head/", names.rename)
    head = PrototypeHead(case["hidden"], case["bottleneck"], case["out"])
    x = jnp.asarray(draw(spec, "dino_head", "x"))

    def squares(params: Any) -> tuple[jax.Array, jax.Array]:
        out = head.apply({"params": params}, x)
        return jnp.square(out).sum(), out

    params = names.params(spec["seed"])
    grads, out = jax.grad(squares, has_aux=True)(params)
    yield "dino_head/out", out
    found = names.by_name(grads)
    yield "dino_head/names", list(found)
    yield "dino_head/grad_l2", [norm(g) for g in found.values()]


class HeadNames(Names):
    """The directions of the last layer are no kernel with us: one row an output."""

    def path(self, name: str) -> tuple[str, ...]:
        if name.endswith("last_layer.weight_v"):
            return (*self.rename(name.removesuffix(".weight_v")).split("/")[:-1], "prototypes")
        return super().path(name)


def compute_schedule(spec: Spec, inputs: Arrays, keys: list[str]) -> Pairs:
    epochs, steps, warm = 5, 7, 2  # the recording tells them in words
    step = jnp.arange(epochs * steps)
    yield "dino_schedule/cosine", cosine(5e-4, 1e-6, step, epochs * steps, warm * steps)
    yield "dino_schedule/momentum", cosine(0.996, 1.0, step, epochs * steps)
    yield "dino_schedule/decay", cosine(0.04, 0.4, step, epochs * steps)


def compute_dinov2(spec: Spec, inputs: Arrays, keys: list[str]) -> Pairs:
    batch = spec["cases"]["dinov2"]["B"]
    rows = jnp.asarray(draw(spec, "dinov2", "teacher"))
    shares = losses.sinkhorn(rows, 0.07)
    yield "dinov2/sinkhorn", shares

    def sum_of_pairs(student: jax.Array) -> jax.Array:
        said = by_crop(student, batch) / 0.1
        return losses.cross_entropies(said, by_crop(shares, batch)).mean(-1).sum()

    student = jnp.asarray(draw(spec, "dinov2", "student"))
    value, grad = jax.value_and_grad(sum_of_pairs)(student)
    yield "dinov2/loss", value
    yield "dinov2/grad_student", grad

    def spread(x: jax.Array) -> jax.Array:
        return losses.koleo(x, x, jnp.eye(len(x), dtype=bool)).mean()

    value, grad = jax.value_and_grad(spread)(jnp.asarray(draw(spec, "dinov2", "koleo_x")))
    yield "dinov2/koleo", value
    yield "dinov2/koleo_grad", grad
    teacher = losses.sharpened(jnp.asarray(draw(spec, "dinov2", "patch_teacher")), 0.0, 0.07)
    hidden = jnp.asarray(inputs["dinov2/ibot_mask"], float)

    def of_patches(x: jax.Array) -> jax.Array:
        return losses.patch_loss(x, teacher, hidden, 0.1).mean()

    value, grad = jax.value_and_grad(of_patches)(jnp.asarray(draw(spec, "dinov2", "patch_student")))
    yield "dinov2/ibot", value
    yield "dinov2/ibot_grad", grad


def compute_ijepa(spec: Spec, inputs: Arrays, keys: list[str]) -> Pairs:
    target = jnp.asarray(draw(spec, "ijepa", "target"))
    predicted = jnp.asarray(draw(spec, "ijepa", "prediction"))
    step = jax.value_and_grad(lambda x: losses.feature_loss(x, target).mean())
    value, grad = step(predicted)
    yield "ijepa/loss", value
    yield "ijepa/grad", grad


DINO = {
    "dino/": compute_dino,
    "dino_head/": compute_head,
    "dino_schedule/": compute_schedule,
    "dinov2/": compute_dinov2,
    "ijepa/": compute_ijepa,
}
