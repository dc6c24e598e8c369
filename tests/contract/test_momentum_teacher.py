"""Contrast with a momentum teacher and a queue of keys (MoCo, He et al. 2020), in model_state.

Two views of an example share a direction in 2 of 8 dimensions; the rest is louder noise, of which
an encoder that tells examples apart by what their views share takes nothing.
"""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from tests.contract.toys import BATCH, Toy

MOMENTUM, TEMPERATURE, QUEUE = 0.95, 0.1, 256
TURN = np.float32(np.linalg.qr(np.random.default_rng(0).standard_normal((8, 8)))[0])


class MomentumTeacher(Toy):
    steps = 300
    optimizers: ClassVar = {"default": {"name": "adam", "learning_rate": 1e-2}}

    def draw(self, rng):
        angle = rng.uniform(0, 2 * np.pi, BATCH)
        shared = np.stack([np.cos(angle), np.sin(angle)], 1)
        noise = 2 * rng.standard_normal((2, BATCH, 6))
        one, other = (np.concatenate([shared, part], 1) @ TURN for part in noise)
        return {"query": np.float32(one), "key": np.float32(other)}

    def init(self, rng, batch):
        weight_key, queue_key = jax.random.split(rng)
        params = jax.random.normal(weight_key, (8, 2)) / 8
        queue = self.encode(jnp.eye(2), jax.random.normal(queue_key, (QUEUE, 2)))
        return params, {"teacher": jnp.copy(params), "queue": queue}

    def encode(self, weight, points):
        codes = points @ weight
        return codes / jnp.linalg.norm(codes, axis=-1, keepdims=True)

    def loss(self, params, model_state, batch, rng, step):
        student = jax.lax.stop_gradient(params)
        teacher = MOMENTUM * model_state["teacher"] + (1 - MOMENTUM) * student
        queries, keys = self.encode(params, batch["query"]), self.encode(teacher, batch["key"])
        alike, others = (queries * keys).sum(-1, keepdims=True), queries @ model_state["queue"].T
        logits = jnp.concatenate([alike, others], -1) / TEMPERATURE
        loss = -jax.nn.log_softmax(logits)[:, 0].mean()
        queue = jnp.concatenate([keys, model_state["queue"]])[:QUEUE]
        return loss, ({"teacher": teacher, "queue": queue}, {"loss": (loss, 1.0)})

    def measure(self, params, model_state, rng):
        student, teacher = params, model_state["teacher"]
        return {"student": shared_part(student), "teacher": shared_part(teacher)}


def shared_part(weight):
    """How much of the encoder looks at what the views share; 1/4 by chance."""
    turned = jnp.square(TURN @ weight)
    return turned[:2].sum() / turned.sum()


def test_student_and_teacher_find_what_views_share(trained):
    run = trained(MomentumTeacher)
    assert run.final["val/student"] > 0.95
    assert run.final["val/teacher"] > 0.95


def test_the_queue_holds_the_newest_keys(trained):
    run = trained(MomentumTeacher)
    last = run.setup.source.batch(MomentumTeacher.steps - 1)["key"]
    teacher, queue = run.state.model_state["teacher"], run.state.model_state["queue"]
    np.testing.assert_allclose(queue[:BATCH], run.task.encode(teacher, last), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(jnp.linalg.norm(queue, axis=-1), 1.0, rtol=1e-5)
