"""Many trials in one compiled program.

A program trains `width` trials at once: `each` of them under `vmap` on every device. Whether vmap
pays is measured: on two CPU cores it made a small convolutional network 4 times slower per trial
and an MLP 4.6 times faster than an ordinary loop.

Shapes: T trials of a program, S steps between evaluations, B batch.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from effjax.bench.member import Member, Recipe, example_order
from effjax.bench.problems import Problem
from effjax.bench.tuning import Trial
from effjax.config import View

TRIAL = "trial"
LIGHTLY = {"xla_backend_optimization_level": 1}
PROBED = 8  # trials of the program whose speed is compared with one alone
PROBE_SECONDS = 0.1


@dataclass
class Curves:
    """What a group of trials has left behind, one entry a trial.

    Attributes:
      steps: at which was evaluated.
      values: metric -> [T][evaluations], "train/loss" the mean since the evaluation before.
      train_seconds, eval_seconds, compile_seconds: a trial's share of its program's time.
      train_seconds_at: [evaluations], a trial's share of training time up to each evaluation.
      width: trials that were trained at once.
    """

    steps: list[int]
    values: dict[str, np.ndarray]
    train_seconds_at: list[float]
    eval_seconds: float
    compile_seconds: float
    width: int
    final_params: Any = None


@dataclass
class Program:
    """Compiled start, train and evaluate for `each` trials on each of some devices."""

    member: Member
    workload: View
    each: int
    devices: Sequence[jax.Device]
    compile_seconds: float = 0.0
    _compiled: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.width = self.each * len(self.devices)
        mesh = jax.make_mesh(
            (len(self.devices),),
            (TRIAL,),
            axis_types=(jax.sharding.AxisType.Auto,),
            devices=self.devices,
        )
        self.over_trials = NamedSharding(mesh, PartitionSpec(TRIAL))
        self.everywhere = NamedSharding(mesh, PartitionSpec())
        self.mesh = mesh
        problem = self.member.problem
        self.train_data = jax.device_put(dict(problem.train), self.everywhere)
        self.held_out = jax.device_put(dict(problem.held_out), self.everywhere)

    def _spread(self, function: Callable, shared: Sequence[bool]) -> Callable:
        """`function` of one trial -> of `width` trials; `shared` arguments are those of all."""
        if self.each == 1:

            def local(*arguments: Any) -> Any:
                own = [
                    a if same else jax.tree.map(lambda x: x[0], a)
                    for a, same in zip(arguments, shared)
                ]
                return jax.tree.map(lambda x: x[None], function(*own))

        else:
            local = jax.vmap(function, [None if same else 0 for same in shared])
        if len(self.devices) == 1:
            return local
        specs = tuple(PartitionSpec() if same else PartitionSpec(TRIAL) for same in shared)
        return jax.shard_map(
            local, mesh=self.mesh, in_specs=specs, out_specs=PartitionSpec(TRIAL), check_vma=False
        )

    def call(self, name: str, shared: Sequence[bool], *arguments: Any) -> Any:
        """Runs a function of `Member`; compiled at the first call, whose time is kept apart."""
        kept, key = self._compiled, name
        if name in ("init", "evaluate"):
            kept, key = self.member.problem.compiled, (name, self.each, tuple(self.devices))
        if key not in kept:
            since = time.perf_counter()
            spread = self._spread(getattr(self.member, name), shared)
            jitted = jax.jit(
                spread,
                donate_argnums=(0,) if name == "train" else (),
                # on a CPU initialisation takes longer to compile than all the rest
                compiler_options=LIGHTLY if name == "init" and self._on_cpu else {},
            )
            kept[key] = jitted.lower(*arguments).compile()
            self.compile_seconds += time.perf_counter() - since
        return kept[key](*arguments)

    @property
    def _on_cpu(self) -> bool:
        return self.devices[0].platform == "cpu"

    def place(self, values: Any) -> Any:
        """Arrays with a leading axis [T], spread over the devices."""
        return jax.device_put(values, self.over_trials)

    def start(self, trials: Sequence[Trial]) -> tuple[Any, Any, Any, np.ndarray]:
        """(state, settings, seeds, order [T, steps, B]) of `width` trials."""
        w, traced = self.workload, self.member.recipe.traced
        settings = {k: np.array([t.settings[k] for t in trials], np.float32) for k in traced}
        settings = self.place(settings)
        seeds = self.place(np.array([trial.seed for trial in trials], np.int32))
        examples = self.member.problem.examples
        orders = {
            seed: example_order(examples, w.batch_size, seed, w.max_steps)
            for seed in {trial.seed for trial in trials}
        }
        fresh = self.call("init", (False,), seeds)
        state = self.call("start", (False, False, False), settings, *fresh)
        return state, settings, seeds, np.stack([orders[trial.seed] for trial in trials])

    def advance(
        self, state: Any, settings: Any, seeds: Any, order: np.ndarray, count: int
    ) -> tuple[Any, jax.Array]:
        """`count` updates of all trials; `order` [T, S, B] has the length it was compiled for."""
        shared = (False, False, False, True, False, True)
        count_ = jax.device_put(np.int32(count), self.everywhere)
        order_ = self.place(order)
        return self.call("train", shared, state, settings, seeds, self.train_data, order_, count_)

    def evaluate(self, state: Any) -> dict[str, np.ndarray]:
        """metric -> [T]."""
        params = self.call("evaluated", (False,), state)
        shared = (False, False, True)
        found = self.call("evaluate", shared, params, state.model_state, self.held_out)
        return jax.tree.map(np.asarray, found)

    def bytes_of_one(self) -> int:
        """Memory that a trial takes: its state and the temporaries of its update."""
        analysis = self._compiled["train"].memory_analysis()
        size = analysis.temp_size_in_bytes + 2 * analysis.output_size_in_bytes
        return max(1, size // self.each)


def run_program(
    program: Program,
    trials: Sequence[Trial],
    progress: Callable[[int], None] = lambda steps: None,
    keep_params: bool = False,
) -> Curves:
    """Trains at most `program.width` trials to the end, evaluating them as the workload says."""
    w, count = program.workload, len(trials)
    padded = [*trials, *[trials[-1]] * (program.width - count)]
    before = program.compile_seconds
    state, settings, seeds, order = program.start(padded)
    steps, rows, seconds_at, train_seconds, eval_seconds = [], [], [], 0.0, 0.0
    segment = min(w.eval_every, w.max_steps)
    for done in range(0, w.max_steps, segment):
        now = min(segment, w.max_steps - done)
        part = order[:, done : done + now]
        part = np.pad(part, [(0, 0), (0, segment - now), (0, 0)])
        compiled, since = program.compile_seconds, time.perf_counter()
        state, losses = program.advance(state, settings, seeds, part, now)
        losses = np.asarray(losses)[:, :now]
        train_seconds += time.perf_counter() - since - (program.compile_seconds - compiled)
        compiled, since = program.compile_seconds, time.perf_counter()
        found = program.evaluate(state)
        eval_seconds += time.perf_counter() - since - (program.compile_seconds - compiled)
        rows.append({"train/loss": losses.mean(1), **found})
        steps.append(done + now)
        seconds_at.append(train_seconds / program.width)
        progress(now)
    values = {name: np.stack([row[name] for row in rows], 1)[:count] for name in rows[0]}
    return Curves(
        steps,
        values,
        seconds_at,
        eval_seconds / program.width,
        (program.compile_seconds - before) / count,
        program.width,
        jax.tree.map(lambda x: np.asarray(x)[:count], state.params) if keep_params else None,
    )


def probe_seconds(program: Program, trials: Sequence[Trial]) -> float:
    """Seconds that a step of one trial takes in this program, after compilation."""
    padded = [trials[i % len(trials)] for i in range(program.width)]
    state, settings, seeds, order = program.start(padded)
    segment = min(program.workload.eval_every, program.workload.max_steps)
    part = order[:, :segment]
    steps, best = 1, float("inf")
    for call in range(5):  # the first compiles, the second says how many steps are worth timing
        since = time.perf_counter()
        state, losses = program.advance(state, settings, seeds, part, steps)
        jax.block_until_ready(losses)
        taken = time.perf_counter() - since
        if call == 1:
            steps = int(np.clip(PROBE_SECONDS / taken, 1, segment))
        elif call > 1:
            best = min(best, taken / steps)
    return best / program.width


@dataclass(frozen=True)
class Plan:
    """How trials are put together.

    Attributes:
      each: trials under vmap on each device; 1: none.
      most: the most that may be, for groups of another size; 1 where vmap does not pay.
      why: what decided it, in words.
    """

    each: int
    most: int
    why: str


def choose_plan(
    problem: Problem,
    recipe: Recipe,
    workload: View,
    population: View,
    trials: Sequence[Trial],
    devices: Sequence[jax.Device],
) -> tuple[Plan, Program | None]:
    """Decides between vmap and one trial after another by timing both.

    Returns:
      The plan, and the program of single trials where it was compiled for the decision.
    """
    member = Member(problem, recipe)
    share = -(-len(trials) // len(devices))
    if population.mode == "single" or share == 1:
        why = "as configured" if population.mode == "single" else "one trial for each device"
        return Plan(1, 1, why), None
    single = Program(member, workload, 1, devices)
    alone = probe_seconds(single, trials)
    room = _memory(devices[0]) * population.memory_percent / 100.0
    fits = max(1, int(room // single.bytes_of_one()))
    room_for = min(population.most, fits)
    most = min(share, room_for)
    if most == 1:
        return Plan(1, 1, "two trials do not fit in memory"), single
    if population.mode == "vmap":
        return Plan(even(share, most), room_for, "as configured"), None
    together = probe_seconds(Program(member, workload, min(PROBED, most), devices), trials)
    why = f"a step of a trial takes {1e3 * alone:.3g} ms alone, {1e3 * together:.3g} ms in vmap"
    if together < alone:
        return Plan(even(share, most), room_for, why), None
    return Plan(1, 1, why), single


def even(count: int, most: int) -> int:
    """The size of parts of at most `most` that divide `count` evenly: 65 in 64s are 33 and 32."""
    return -(-count // -(-count // most))


def _memory(device: jax.Device) -> float:
    stats = device.memory_stats() or {}
    if "bytes_limit" in stats:
        return float(stats["bytes_limit"])
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return whole / max(1, jax.local_device_count())


def zeros_like_params(problem: Problem) -> Any:
    """Parameters of the problem's shapes."""
    params, _ = jax.eval_shape(problem.init, jax.random.key(0))
    return jax.tree.map(lambda p: jnp.zeros(p.shape, p.dtype), params)
