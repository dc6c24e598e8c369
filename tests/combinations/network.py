"""A tiny network with a running sum in one layer, and what each row asks of a run.

Shapes: B batch.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import effjax
from effjax.contract import Source, Task

BATCH, INPUTS, WIDTH, OUTPUTS = 16, 6, 8, 4
STEPS, BAD_STEP = 4, 1  # batch 1 belongs to update 2
MASK = np.asarray([0, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1], np.float32)
RATE, DECAY, CLIP = 0.02, 0.1, 1.0
EMA = 0.9

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adam": {"name": "adamw"},
    "lamb": {"name": "lamb"},
    "lookahead": {"name": "lookahead", "inner": "adamw", "sync_period": 2},
    "sgd": {"name": "sgd", "momentum": 0.9},
    "muon": {"name": "muon"},
    "normuon": {"name": "normuon"},
    "scion": {"name": "scion"},
    # their factors have fewer directions than rows after a few gradients: the others are arbitrary
    # up to rounding, unless a large eps outweighs them
    "soap": {"name": "soap", "eps": 1e-2, "largest_axis": 4},
    "shampoo": {"name": "shampoo", "refresh_period": 2, "eps": 1e-2},
    "kron": {"name": "kron"},
    "apollo": {"name": "apollo", "rank": 2},
    "muon_win": {"name": "muon_win"},
}
FACTORS = (("^stem", 0.0), ("^blocks_0", 0.5), ("bias$", 2.0))
LAYER_DECAY = 0.5
DEVICES: dict[str, dict[str, Any]] = {
    "one": {"devices": 1},
    "mesh": {"devices": 4},
    "pmap": {"devices": 4, "mode": "pmap"},
    "fsdp": {"devices": 4, "fsdp": 2, "shard_least": 8},
    "two": {"devices": 4},
}


@dataclasses.dataclass(frozen=True)
class Row:
    """One choice of each kind."""

    devices: str
    parts: int
    masks: str
    rule: str
    dtype: str
    nonfinite: str
    average: str
    optimizer: str

    @classmethod
    def parse(cls, text: str) -> "Row":
        words = text.split()
        return cls(words[0], int(words[1]), *words[2:])


class Examples(Source):
    """Batches that are a function of the step; of the hosts each gives its part."""

    num_examples = BATCH * STEPS

    def __init__(self, masks: str, bad: bool):
        self._masks, self._bad = masks, bad
        hosts = jax.process_count()
        self._part = slice(jax.process_index() * BATCH // hosts, None)
        self._count = BATCH // hosts
        self.spec = {
            name: jax.ShapeDtypeStruct((self._count, *array.shape[1:]), array.dtype)
            for name, array in self.batch(0).items()
        }

    def batch(self, step: int) -> dict[str, np.ndarray]:
        """The global batch of a step."""
        rng = np.random.default_rng((7, step))
        x = rng.standard_normal((BATCH, INPUTS), np.float32)
        y = np.tanh(x[:, :OUTPUTS]) + 0.1 * rng.standard_normal((BATCH, OUTPUTS), np.float32)
        if self._bad and step == BAD_STEP:
            y[5] = np.inf
        mask = MASK if self._masks == "some" else np.ones(BATCH, np.float32)
        # what is masked is no example: whatever it holds must not count
        y = np.where(mask[:, None] > 0, y, 1e3).astype(np.float32)
        return {"x": x, "y": y, "mask": mask}

    def batches(self, start=0):
        step = start
        while True:
            batch = self.batch(step)
            yield {name: array[self._part][: self._count] for name, array in batch.items()}
            step += 1


class Network(Task):
    """Two residual blocks between a stem and a head, all dense; least squares."""

    @dataclasses.dataclass(frozen=True)
    class Config(Task.Config):
        masks: str = "all"
        rule: str = "plain"
        dtype: str = "float32"
        bad: bool = False

    finished = None  # the last state of the last run of this process

    def finish(self, state, workdir):
        Network.finished = state

    def source(self):
        return Examples(self.options.masks, self.options.bad)

    def init(self, rng, batch):
        shapes = {"stem": (INPUTS, WIDTH), "head": (WIDTH, OUTPUTS)}
        shapes |= {f"blocks_{n}": (WIDTH, WIDTH) for n in range(2)}
        params = {}
        for key, (name, shape) in zip(jax.random.split(rng, 4), sorted(shapes.items())):
            kernel = jax.random.normal(key, shape) / np.sqrt(shape[0])
            params[name] = {"kernel": kernel, "bias": jnp.full(shape[1:], 0.1)}
        params = jax.tree.map(lambda p: p.astype(self.options.dtype), params)
        return params, {"sums": {"stem": {"seen": jnp.zeros(())}, "head": {"seen": jnp.zeros(())}}}

    def groups(self, params):
        held = self.options.rule == "frozen"
        return {
            name: jax.tree.map(
                lambda _, n=name: "frozen" if held and n == "stem" else "default", tree
            )
            for name, tree in params.items()
        }

    def depths(self, params):
        order = {"stem": 0, "blocks_0": 1, "blocks_1": 2, "head": 3}
        return {name: jax.tree.map(lambda _, n=name: order[n], params[name]) for name in params}, 3

    def loss(self, params, model_state, batch, rng, step):
        errors, mask = squared_errors(params, batch), batch["mask"]
        count = mask.sum()
        total = jnp.where(mask > 0, errors, 0.0).sum()
        everywhere = count if self.batch_axis is None else jax.lax.psum(count, self.batch_axis)
        seen = jax.tree.map(lambda s: s + everywhere, model_state)
        return total / jnp.maximum(count, 1.0), (seen, {"loss": (total, count)})


def squared_errors(params, batch):
    """[B], in float32."""
    params = jax.tree.map(lambda p: p.astype(jnp.float32), params)

    def dense(name, x):
        return x @ params[name]["kernel"] + params[name]["bias"][None]

    x = jnp.tanh(dense("stem", batch["x"]))
    for name in ("blocks_0", "blocks_1"):
        x = x + jnp.tanh(dense(name, x))
    return jnp.square(dense("head", x) - batch["y"]).sum(-1)


def make_config(row: Row):
    """The config of a row."""
    config = effjax.default_config()
    config.total_steps = float(STEPS)
    config.task.update(name=f"{__name__}:Network", masks=row.masks, rule=row.rule, dtype=row.dtype)
    config.task.bad = row.nonfinite == "skip"
    config.nonfinite = "skip" if row.nonfinite == "skip" else "stop"
    config.accumulate = row.parts
    config.data.batch_size = BATCH
    config.schedule.name = "constant"
    config.parallel.update(DEVICES[row.devices])
    effjax.add_optimizer(
        config,
        "default",
        learning_rate=RATE,
        weight_decay=DECAY,
        clip_norm=CLIP,
        **OPTIMIZERS[row.optimizer],
    )
    if row.rule == "factors":
        config.optim.default.lr_scale = FACTORS
    if row.rule == "layers":
        config.optim.default.layer_decay = LAYER_DECAY
    if row.average == "ema":
        config.ema.decay = EMA
    config.evals = {}
    config.log.update(every_steps=1.0, tensorboard=False, curves=False)
    return config
