"""Trains and scores the networks of a table, in few programs.

Updates are those of an ordinary run with this config. What differs is that networks which differ in
their token mixers share a program, and that nothing but the final score is kept.

Shapes: T updates, B batch.
"""

import dataclasses
import functools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from effjax import models
from effjax.config import View, from_json
from effjax.data import open_split
from effjax.errors import UserError
from effjax.models import ImageModel
from effjax.models.registry import fields_of
from effjax.runs.schema import RunConfig
from effjax.search.proxies.network import Apply, Batch, Variables, apply_of
from effjax.search.proxies.registry import PROXIES, Candidate
from effjax.search.shared_program import choice_variables, shared_architecture
from effjax.search.space import ArchSpace, Point
from effjax.tasks.run import build
from effjax.training.setup import Setup

SPEED_RUNS = 20  # of which the fastest counts


class Line(TypedDict):
    """What is known of a network that was trained: a line of rows.jsonl."""

    point: list[int]
    values: list[float]
    params: int
    macs: int
    latency: float
    seconds: float


@dataclasses.dataclass(frozen=True)
class Program:
    """What networks share that differ in their mixers alone.

    Attributes:
      setups: the parts of a run, one a seed.
      model: the network that holds all mixers.
      apply: runs it, for scores.
      update: (state, batch) -> the state after one update.
      right: (variables, batch) -> how many answers are right.
    """

    setups: Sequence[Setup]
    model: ImageModel
    apply: Apply
    update: Callable[[Any, Any], Any]
    right: Callable[[Any, Any], jax.Array]


class TableMaker:
    """Trains and scores points; what is compiled and read is kept.

    Args:
      config: of a training; `config.seed` is the first of the seeds.
      space: whose points are trained.
      seeds: trainings of each.
      images: training images that scores look at.

    Raises:
      UserError: the config is no classification.
    """

    def __init__(
        self, config: ml_collections.ConfigDict, space: ArchSpace, seeds: int, images: int
    ):
        if config.task.name != "classification":
            raise UserError(
                f"config.task.name = {config.task.name!r}: a table is of classifications"
            )
        self.config = config
        self.space = space
        self.seeds = seeds
        self.images = images
        self._batches: dict[int, list[Any]] = {}

    def row(self, point: Point) -> Line:
        """Trains a point with each seed."""
        began = time.monotonic()
        space = self.space
        program = self._program(shared_architecture(space, point))
        choices = choice_variables(space, point)
        values = [self._train(program, choices, seed) for seed in range(self.seeds)]
        model = self._model(point)
        shape = program.setups[0].task.split.image_shape
        cost = models.cost(model, shape)
        return {
            "point": list(point),
            "values": values,
            "params": cost.trainable,
            "macs": cost.macs,
            "latency": self._latency(program, choices),
            "seconds": round(time.monotonic() - began, 2),
        }

    def _model(self, point: Point) -> ImageModel:
        task = self._program(shared_architecture(self.space, point)).setups[0].task
        return self.space.model(point, num_classes=task.model.num_classes)

    def _program(self, architecture: Any) -> Program:
        return self._made(architecture)

    @functools.cached_property
    def _made(self) -> Callable[[Any], Program]:
        return functools.lru_cache(maxsize=None)(self._make)

    def _make(self, architecture: Any) -> Program:
        setups = [self._setup(architecture, seed) for seed in range(self.seeds)]
        setup = setups[0]
        model = setup.task.model

        def update(state: Any, batch: Any) -> Any:
            return setup.step(state, batch)[0]

        def right(variables: Variables, batch: Any) -> jax.Array:
            logits = model.apply(variables, setup.task.images(batch))
            return (logits.argmax(-1) == batch["label"]).sum()

        # laid out as what comes in, or the second update would be compiled anew
        compiled = jax.jit(update, out_shardings=setup.runner.state_shardings)
        return Program(setups, model, apply_of(model), compiled, jax.jit(right))

    def _setup(self, architecture: Any, seed: int) -> Setup:
        plain = json.loads(self.config.to_json_best_effort())
        plain["seed"] = self.config.seed + seed
        kept = ("name", "num_classes", "dtype", "param_dtype")
        model = {key: plain["model"][key] for key in kept}
        plain["model"] = model | fields_of(architecture) | {"name": self.space.name}
        return build(from_json(plain, RunConfig), devices=jax.devices()[:1])

    # ------------------------------------------------------------------------------- one network

    def _train(self, program: Program, choices: Mapping[str, Any], seed: int) -> float:
        """The share of right answers on the held-out images after a training."""
        setup = program.setups[seed]
        state = setup.fresh()
        state = state.replace(model_state={**state.model_state, **choices})
        state = jax.device_put(state, setup.runner.state_shardings)
        # no loop of one program: inside one, convolutions on a CPU are many times slower
        for batch in self._stream(setup, seed):
            state = program.update(state, batch)
        params = setup.groups.eval_params(state.params, state.opt_state)
        variables = {"params": params, **state.model_state}
        right = sum(int(program.right(variables, batch)) for batch in self._held_out)
        return right / sum(len(batch["label"]) for batch in self._held_out)

    def scores(self, point: Point, names: Sequence[str]) -> dict[str, float]:
        """Zero-cost scores at the first weights of the first seed."""
        space = self.space
        program = self._program(shared_architecture(space, point))
        setup = program.setups[0]
        state = setup.fresh()
        choices = choice_variables(space, point)
        variables = {"params": state.params, **state.model_state, **choices}
        batch = jax.tree.map(lambda part: part[: self.images], self._examples(setup))
        network = Candidate(self._model(point), variables, batch, program.apply)
        return {name: PROXIES.entries[name](network) for name in names}

    def _latency(self, program: Program, choices: Mapping[str, Any]) -> float:
        """Milliseconds of one image, compiled; the least of several runs."""
        setup = program.setups[0]
        state = setup.fresh()
        variables = {"params": state.params, **state.model_state, **choices}
        image = jnp.zeros((1, *setup.task.split.image_shape))
        run = _predictor(program.model)
        run(variables, image).block_until_ready()
        times = []
        for _ in range(SPEED_RUNS):
            began = time.perf_counter()
            run(variables, image).block_until_ready()
            times.append(time.perf_counter() - began)
        return round(1000 * min(times), 4)

    # ------------------------------------------------------------------------------------ images

    def _stream(self, setup: Setup, seed: int) -> list[Any]:
        """The T batches of a training: they depend on the seed alone."""
        if seed not in self._batches:
            with setup.source.batches() as batches:
                self._batches[seed] = [next(batches) for _ in range(setup.clock.total_steps)]
        return self._batches[seed]

    def _examples(self, setup: Setup) -> Batch:
        """Training images as the network takes them, from the first batches."""
        stream = self._stream(setup, 0)
        enough = -(-self.images // len(stream[0]["label"]))
        images = np.concatenate([batch["image"] for batch in stream[:enough]])
        labels = np.concatenate([batch["label"] for batch in stream[:enough]])
        return Batch(setup.task.images({"image": images}), jnp.asarray(labels))

    @functools.cached_property
    def _held_out(self) -> list[Any]:
        """All held-out batches; whole ones."""
        data = View(self.config).data
        size = data.eval_batch_size or data.batch_size
        split = open_split(data, data.val_split, seed=0, batch_size=size, train=False)
        kept = []
        with split.batches() as batches:
            for batch in batches:
                if np.all(batch["mask"]):
                    kept.append({key: batch[key] for key in ("image", "label")})
        return kept


@functools.cache
def _predictor(model: ImageModel) -> Callable[..., jax.Array]:
    return jax.jit(model.apply)
