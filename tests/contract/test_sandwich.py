"""A network with several widths in one set of weights (Yu and Huang 2019, the sandwich rule).

Every update trains the widest network on the data and one narrower one on what the widest says;
which one is static: each width is a program of its own.
"""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from tests.contract.toys import BATCH, Toy

WIDEST, NARROW = 32, (4, 12)


class Sandwich(Toy):
    steps = 600
    optimizers: ClassVar = {"default": {"name": "adam", "learning_rate": 2e-2}}

    def draw(self, rng):
        x = rng.uniform(-1, 1, (BATCH, 2)).astype(np.float32)
        return {"x": x, "y": target(x)}

    def init(self, rng, batch):
        into, out = jax.random.normal(rng, (4, WIDEST))[:3], jnp.zeros(WIDEST)
        return {"in": into, "out": out}, {}

    def variant(self, step):
        return NARROW[step % len(NARROW)]

    def forward(self, params, x, width):
        with_one = jnp.concatenate([x, jnp.ones((len(x), 1))], 1)
        return jnp.tanh(with_one @ params["in"][:, :width]) @ params["out"][:width]

    def loss(self, params, batch, width):
        widest = self.forward(params, batch["x"], WIDEST)
        narrow = self.forward(params, batch["x"], width)
        own = jnp.square(widest - batch["y"]).mean()
        taught = jnp.square(narrow - jax.lax.stop_gradient(widest)).mean()
        return own + taught, {"own": (own, 1.0), "taught": (taught, 1.0)}

    def update(self, state, batch, rng, apply, variant):
        grads, metrics = jax.grad(self.loss, has_aux=True)(state.params, batch, variant)
        return apply(state, grads), metrics

    def measure(self, params, model_state, rng):
        x = jax.random.uniform(rng, (512, 2), minval=-1.0)
        errors = {w: self.forward(params, x, w) - target(x) for w in (*NARROW, WIDEST)}
        return {f"error_{w}": jnp.square(e).mean() / target(x).var() for w, e in errors.items()}


def target(x):
    return 0.5 * x[:, 0] + x[:, 0] * x[:, 1]


def test_each_width_is_a_network(trained):
    """Shares of the variance that are left."""
    final = trained(Sandwich).final
    assert final["val/error_32"] < 0.02
    assert final["val/error_12"] < 0.03
    assert final["val/error_4"] < 0.15


def test_the_widths_take_turns(trained):
    """Four units follow the widest network less well than twelve, update by update."""
    left = [row["train/taught"] for row in trained(Sandwich).rows if "train/taught" in row][-50:]
    of_4, of_12 = left[0::2], left[1::2]
    assert min(of_4) > max(of_12)
