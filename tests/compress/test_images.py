"""First images."""

import jax
import jax.numpy as jnp
import numpy as np

from effjax.compress.images import first_batches, loss_on


class Task:
    """What is asked of a task."""

    def __init__(self):
        self.closed = False
        self.split = self
        self.resident = {}

    def batches(self):
        try:
            for number in range(5):
                yield {"image": np.full((2, 1, 1, 1), number), "label": np.array([0, 1])}
        finally:
            self.closed = True

    def unpack(self, batch):
        return batch

    def images(self, batch):
        return jnp.asarray(batch["image"], jnp.float32)


def test_the_first_batches_are_read_and_no_more():
    task = Task()
    found = first_batches(task, 2)
    assert [float(images[0, 0, 0, 0]) for images, _ in found] == [0.0, 1.0]
    assert task.closed


def test_the_loss_is_the_mean_over_batches():
    class Model:
        def apply(self, variables, images, train):
            return images[:, 0, 0, :] * variables["params"][None]

    batches = [(jnp.ones((1, 1, 1, 2)), jnp.asarray([0])) for _ in range(2)]
    loss = loss_on(Model(), {}, batches)
    np.testing.assert_allclose(loss(jnp.asarray([1.0, 1.0])), np.log(2), rtol=1e-6)
    assert jax.grad(loss)(jnp.asarray([1.0, 1.0]))[0] < 0
