"""A task that compiles in no time: a line through noisy points, with draws per example."""

import jax
import jax.numpy as jnp
import numpy as np

import effjax
from effjax.contract import Source, Task

TRUE = np.asarray([1.0, -2.0, 0.5, 3.0], np.float32)


class Points(Source):
    """Batches of points, a function of the step alone."""

    num_examples = 640

    def __init__(self, batch_size, bad_step=None):
        self.batch_size, self.bad_step = batch_size, bad_step
        one = {"x": np.zeros((batch_size, 4), np.float32), "y": np.zeros(batch_size, np.float32)}
        index = np.zeros(batch_size, np.int32)
        self.spec = jax.eval_shape(lambda: {**one, "index": index})

    def batches(self, start=0):
        step = start
        while True:
            rng = np.random.default_rng((0, step))
            x = rng.standard_normal((self.batch_size, 4)).astype(np.float32)
            y = x @ TRUE
            if step == self.bad_step:
                y[0] = np.nan
            yield {"x": x, "y": y, "index": np.arange(self.batch_size, dtype=np.int32)}
            step += 1


class Line(Task):
    """Least squares with dropout on the inputs."""

    bad_step = None

    def source(self):
        return Points(self.config.data.batch_size, self.bad_step)

    def init(self, rng, batch):
        return {"w": 0.1 * jax.random.normal(rng, (4,)), "b": jnp.zeros(())}, {
            "seen": jnp.zeros(())
        }

    def depths(self, params):
        return {"w": 0, "b": 1}, 1

    def loss(self, params, model_state, batch, rng, step):
        keep = jax.vmap(lambda i: jax.random.bernoulli(jax.random.fold_in(rng, i), 0.9, (4,)))
        x = batch["x"] * keep(batch["index"])
        error = jnp.square(x @ params["w"] + params["b"] - batch["y"])
        count = jnp.asarray(error.size, jnp.float32)
        seen = {"seen": model_state["seen"] + 1.0}
        return error.mean(), (seen, {"loss": (error.sum(), count)})

    def evaluators(self, config):
        return {name: Distance() for name in config.evals}


class Distance:
    """How far the weights are from the true ones."""

    source = None

    def __call__(self, variables, rng, batches):
        yield "loss", float(jnp.abs(variables["params"]["w"] - TRUE).max())


class Looking(Line):
    """Its evaluation goes through four batches; `seen(count)` is called before each."""

    seen = staticmethod(lambda count: None)

    def evaluators(self, config):
        return {name: DistanceOverBatches(self.source(), self.seen) for name in config.evals}


class DistanceOverBatches:
    def __init__(self, points, seen):
        self.source, self._points, self._seen = self, points, seen

    def batches(self):
        for count, batch in zip(range(4), self._points.batches()):
            self._seen(count)
            yield batch

    def __call__(self, variables, rng, batches):
        errors = [
            abs(np.asarray(b["x"] @ variables["params"]["w"] - b["y"])).mean() for b in batches
        ]
        yield "loss", float(np.mean(errors))


class BadLine(Line):
    """NaN in the batch of step 7."""

    bad_step = 7


def line_config(task="Line", **changes):
    """A run of 20 steps."""
    config = effjax.default_config()
    config.task.name = f"tests.training.toy:{task}"
    config.total_steps = 20.0
    config.data.batch_size = 16
    config.optim.default.update(name="adan", learning_rate=0.1, decay=((".*", False),))
    config.ema.decay = 0.9
    config.evals.val.every_steps = 5.0
    config.checkpoint.every_steps = 5.0
    config.log.update(every_steps=1.0, tensorboard=False, curves=False)
    config.update(changes)
    return config
