"""Many trials in one compiled program.

A program trains `width` trials at once: `each` of them under `vmap` on every device. Whether vmap
is faster is measured, see `effjax.bench.grouping`.

Shapes: T trials of a program, S steps between evaluations, B batch.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from effjax.bench.member import Member, example_order
from effjax.bench.tuning import OptimizerTrial
from effjax.config import View
from effjax.startup import compile_lightly

TRIAL = "trial"  # the axis of the mesh
SHARED_PROGRAMS = ("init", "evaluate")  # that do not depend on the optimizer


@dataclass
class Curves:
    """What a group of trials has left behind, one entry a trial.

    Attributes:
      steps: at which was evaluated.
      values: metric -> [T][evaluations], "train/loss" the mean since the evaluation before.
      train_seconds_at: [evaluations], a trial's share of training time up to each evaluation.
      eval_seconds, compile_seconds: a trial's share of its program's time.
      width: trials that were trained at once.
    """

    steps: list[int]
    values: dict[str, np.ndarray]
    train_seconds_at: list[float]
    eval_seconds: float
    compile_seconds: float
    width: int


@dataclass
class Program:
    """Compiled start, train and evaluate for `each` trials on each of some devices."""

    member: Member
    workload: View
    each: int
    devices: Sequence[jax.Device]
    compile_seconds: float = 0.0
    _compiled: dict[Any, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.width = self.each * len(self.devices)
        self.mesh = jax.make_mesh(
            (len(self.devices),),
            (TRIAL,),
            axis_types=(jax.sharding.AxisType.Auto,),
            devices=self.devices,
        )
        self.over_trials = NamedSharding(self.mesh, PartitionSpec(TRIAL))
        self.everywhere = NamedSharding(self.mesh, PartitionSpec())
        problem = self.member.problem
        self.train_data = jax.device_put(dict(problem.train), self.everywhere)
        self.held_out = jax.device_put(dict(problem.held_out), self.everywhere)

    def call(self, name: str, shared: Sequence[bool], *arguments: Any) -> Any:
        """Runs a function of `Member`; compiled at the first call, whose time is kept apart.

        Args:
          shared: for each argument whether it is the same for all trials; the others have a
            leading axis [T].
        """
        kept: dict[Any, Any] = self._compiled
        key: Any = name
        if name in SHARED_PROGRAMS:
            # kept at the problem, so that the next optimizer finds them
            kept = self.member.problem.compiled
            key = (name, self.each, tuple(self.devices))
        if key not in kept:
            since = time.perf_counter()
            kept[key] = self._compile(name, shared, arguments)
            self.compile_seconds += time.perf_counter() - since
        return kept[key](*arguments)

    def _compile(self, name: str, shared: Sequence[bool], arguments: Sequence[Any]) -> Any:
        function = self._over_trials(getattr(self.member, name), shared)
        # on a CPU initialisation takes longer to compile than all the rest
        options = compile_lightly(self.devices[0].platform) if name == "init" else {}
        jitted = jax.jit(
            function,
            donate_argnums=(0,) if name == "train" else (),
            compiler_options=options,
        )
        return jitted.lower(*arguments).compile()

    def _over_trials(self, function: Callable, shared: Sequence[bool]) -> Callable:
        """`function` of one trial -> the same of `width` trials."""
        if self.each == 1:
            # vmap over a single trial costs: its convolutions become grouped ones
            local = _of_one_trial(function, shared)
        else:
            local = jax.vmap(function, [None if same else 0 for same in shared])
        if len(self.devices) == 1:
            return local
        specs = tuple(PartitionSpec() if same else PartitionSpec(TRIAL) for same in shared)
        return jax.shard_map(
            local, mesh=self.mesh, in_specs=specs, out_specs=PartitionSpec(TRIAL), check_vma=False
        )

    def place(self, values: Any) -> Any:
        """Arrays with a leading axis [T], spread over the devices."""
        return jax.device_put(values, self.over_trials)

    def start(self, trials: Sequence[OptimizerTrial]) -> "Group":
        """`width` trials before their first step."""
        workload = self.workload
        settings = {}
        for key in self.member.recipe.traced:
            settings[key] = np.array([trial.settings[key] for trial in trials], np.float32)
        settings = self.place(settings)
        seeds = self.place(np.array([trial.seed for trial in trials], np.int32))
        examples = self.member.problem.examples
        # once a seed: trials of one seed see the same examples in the same order
        orders: dict[int, np.ndarray] = {}
        for trial in trials:
            if trial.seed not in orders:
                orders[trial.seed] = example_order(
                    examples, workload.batch_size, trial.seed, workload.max_steps
                )
        fresh = self.call("init", (False,), seeds)
        state = self.call("start", (False, False, False), settings, *fresh)
        order = np.stack([orders[trial.seed] for trial in trials])
        return Group(self, state, settings, seeds, order)

    def bytes_of_one(self) -> int:
        """Memory that a trial takes: its state and the temporaries of its update."""
        analysis = self._compiled["train"].memory_analysis()
        # twice the output: the state is there before and after the update
        size = analysis.temp_size_in_bytes + 2 * analysis.output_size_in_bytes
        return max(1, size // self.each)


def _of_one_trial(function: Callable, shared: Sequence[bool]) -> Callable:
    """`function` with a leading axis of length 1 on what is not shared, and on its results."""

    def local(*arguments: Any) -> Any:
        own = []
        for argument, same in zip(arguments, shared):
            own.append(argument if same else jax.tree.map(lambda x: x[0], argument))
        return jax.tree.map(lambda x: x[None], function(*own))

    return local


@dataclass
class Group:
    """The trials of a program in training.

    Attributes:
      state: of all trials, with a leading axis [T].
      settings, seeds: [T], on the devices.
      order: [T, steps, B], the examples of every step.
    """

    program: Program
    state: Any
    settings: Any
    seeds: Any
    order: np.ndarray

    def advance(self, done: int, count: int, segment: int) -> jax.Array:
        """Updates `done` .. `done + count` of all trials; returns the losses [T, segment].

        Args:
          segment: the steps that the program was compiled for, at least `count`.
        """
        program = self.program
        part = self.order[:, done : done + count]
        part = np.pad(part, [(0, 0), (0, segment - count), (0, 0)])
        shared = (False, False, False, True, False, True)
        self.state, losses = program.call(
            "train",
            shared,
            self.state,
            self.settings,
            self.seeds,
            program.train_data,
            program.place(part),
            jax.device_put(np.int32(count), program.everywhere),
        )
        return losses

    def evaluate(self) -> dict[str, np.ndarray]:
        """metric -> [T]."""
        program = self.program
        params = program.call("evaluated", (False,), self.state)
        found = program.call(
            "evaluate",
            (False, False, True),
            params,
            self.state.model_state,
            program.held_out,
        )
        return jax.tree.map(np.asarray, found)


class Stopwatch:
    """Seconds of a program's work, without those of its compilation."""

    def __init__(self, program: Program):
        self._program = program
        self.seconds = 0.0

    def __enter__(self) -> None:
        self._since = time.perf_counter()
        self._compiled_before = self._program.compile_seconds

    def __exit__(self, *_: Any) -> None:
        compiled = self._program.compile_seconds - self._compiled_before
        self.seconds += time.perf_counter() - self._since - compiled


def run_program(program: Program, trials: Sequence[OptimizerTrial]) -> Curves:
    """Trains at most `program.width` trials to the end, evaluating them as the workload says."""
    workload = program.workload
    compiled_before = program.compile_seconds
    # a program has a fixed width: empty places repeat the last trial
    padding = [trials[-1]] * (program.width - len(trials))
    group = program.start([*trials, *padding])
    training, evaluation = Stopwatch(program), Stopwatch(program)
    steps: list[int] = []
    rows: list[dict[str, np.ndarray]] = []
    seconds_at: list[float] = []
    # one length for all segments: another one would be another program
    segment = min(workload.eval_every, workload.max_steps)
    for done in range(0, workload.max_steps, segment):
        count = min(segment, workload.max_steps - done)
        with training:
            losses = group.advance(done, count, segment)
            losses = np.asarray(losses)[:, :count]  # waits for the device
        with evaluation:
            scores = group.evaluate()
        rows.append({"train/loss": losses.mean(1), **scores})
        steps.append(done + count)
        seconds_at.append(training.seconds / program.width)
    values = {}
    for name in rows[0]:
        column = np.stack([row[name] for row in rows], 1)  # [T, evaluations]
        values[name] = column[: len(trials)]
    return Curves(
        steps=steps,
        values=values,
        train_seconds_at=seconds_at,
        eval_seconds=evaluation.seconds / program.width,
        compile_seconds=(program.compile_seconds - compiled_before) / len(trials),
        width=program.width,
    )
