"""Many trials in one program beside an ordinary loop of jitted steps, on the same trials.

    python benchmarks/population.py --workload digits_mlp --trials 64

Three ways to train the same trials (learning rates times seeds) to the end, with the evaluations
that the workload asks for: as `effjax bench` puts them together (vmap or one by one, by its own
probe), one by one in its compiled program, and a Python loop that calls a jitted step. Data lie on
the device in all three; compilation is shown apart. `--loop-trials` trains fewer in the slow ways
and scales their time up.
"""

import argparse
import importlib.util
import os
import time
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from effjax.bench.grouping import choose_grouping
from effjax.bench.member import Member, example_order, make_recipe
from effjax.bench.problems import Problem, make_problem
from effjax.bench.program import Program, run_program
from effjax.bench.schema import PopulationConfig, TuningConfig
from effjax.bench.tuning import OptimizerTrial, make_trials
from effjax.config import View, to_config
from effjax.report.statistics import pooled_deviation
from effjax.startup import split_cpu, tune_malloc

CONFIGS = Path(__file__).parent.parent / "configs/bench"


def read_config(name: str) -> object:
    """The module of a config file, for its workloads and optimizers."""
    spec = importlib.util.spec_from_file_location(name, CONFIGS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def some_trials(entry: View, count: int, schedule: str) -> list[OptimizerTrial]:
    """Learning rates over two decades, four seeds each."""
    tuning = to_config(TuningConfig)
    factors = np.geomspace(0.1, 10.0, -(-count // 4)).tolist()
    tuning.update(factors=tuple(factors), seeds=(0, 1, 2, 3))
    return make_trials("adamw", entry, View(tuning), schedule)[:count]


class Clock:
    """Seconds since it was made: of the clock on the wall, and of all CPU cores together.

    The second says more where others work on the same machine.
    """

    def __init__(self) -> None:
        self.since = time.perf_counter(), time.process_time()

    def __call__(self) -> np.ndarray:
        return np.array([time.perf_counter(), time.process_time()]) - self.since


def program_seconds(
    program: Program, trials: Sequence[OptimizerTrial]
) -> tuple[np.ndarray, float, np.ndarray]:
    """(`Clock` without compilation, seconds of compilation, final metric of each trial)."""
    run_program(program, trials[:1])  # compiles
    finals, since = [], Clock()
    for start in range(0, len(trials), program.width):
        curves = run_program(program, trials[start : start + program.width])
        finals.append(curves.values[program.workload.metric][:, -1])
    return since(), program.compile_seconds, np.concatenate(finals)


def loop_seconds(
    problem: Problem, member: Member, w: View, trials: Sequence[OptimizerTrial]
) -> tuple[np.ndarray, float, np.ndarray]:
    """The same of a Python loop over steps, one jitted step and one jitted evaluation."""
    data = jax.device_put(dict(problem.train))
    held_out = jax.device_put(dict(problem.held_out))
    init = jax.jit(member.init)
    begin = jax.jit(member.start)
    one = jnp.int32(1)
    step = jax.jit(
        lambda state, settings, seed, data, rows: member.train(
            state, settings, seed, data, rows[None], one
        ),
        donate_argnums=0,
    )
    evaluate = jax.jit(
        lambda state, held_out: member.evaluate(
            member.evaluated(state), state.model_state, held_out
        )
    )

    def run(trial: OptimizerTrial, steps: int) -> float:
        settings = {k: jnp.float32(trial.settings[k]) for k in member.recipe.traced}
        seed = jnp.int32(trial.seed)
        order = example_order(problem.examples, w.batch_size, trial.seed, w.max_steps)
        state = begin(settings, *init(seed))
        losses, final = [], np.nan
        for i in range(steps):
            state, loss = step(state, settings, seed, data, order[i])
            losses.append(loss)
            if (i + 1) % w.eval_every == 0 or i + 1 == steps:
                final = float(evaluate(state, held_out)[w.metric])
                np.mean(np.concatenate(losses))  # waits for the steps, as a row of losses would
                losses = []
        return final

    since = time.perf_counter()
    run(trials[0], 1)
    compiled = time.perf_counter() - since
    since = Clock()
    finals = [run(trial, w.max_steps) for trial in trials]
    return since(), compiled, np.array(finals)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="smoke", help="smoke or cpu")
    parser.add_argument("--workload", default="digits_mlp")
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--loop-trials", type=int, help="in the slow ways (all)")
    parser.add_argument("--steps", type=int, help="of a trial (the workload's)")
    parser.add_argument("--data-dir")
    parser.add_argument("--optimizer", default="adamw")
    args = parser.parse_args()
    module = read_config(args.config)
    config = module.WORKLOADS[args.workload]
    if args.steps:
        config.max_steps = args.steps
    w, entry = View(config), View(module.OPTIMIZERS[args.optimizer])
    problem = make_problem(w, args.data_dir)
    trials = some_trials(entry, args.trials, w.schedule)
    few = trials[:: max(1, args.trials // (args.loop_trials or args.trials))]
    recipe = make_recipe(entry.name, [t.settings for t in trials], w.schedule, w)
    member, devices = Member(problem, recipe), jax.local_devices()[: args.trials]
    population = View(to_config(PopulationConfig))
    plan, _ = choose_grouping(problem, recipe, w, population, trials, devices)
    kind = devices[0].device_kind
    print(f"{kind}, {os.cpu_count()} cores, jax {jax.__version__}: {plan.why}")
    print(f"{args.workload}, {args.trials} trials of {w.max_steps} steps")
    print("| way | seconds | a trial, ms | CPU, ms | compilation, s |")
    print("|---|---|---|---|---|")
    problem.compiled.clear()
    ways = {
        f"effjax bench ({plan.each} by vmap)" if plan.each > 1 else "effjax bench (one by one)": (
            program_seconds,
            (Program(member, w, plan.each, devices), trials),
        ),
        "one by one, its program": (program_seconds, (Program(member, w, 1, devices[:1]), few)),
        "loop of jitted steps": (loop_seconds, (problem, member, w, few)),
    }
    taken, finals = {}, {}
    for name, (way, arguments) in ways.items():
        seconds, compiled, finals[name] = way(*arguments)
        count = len(finals[name])
        taken[name] = seconds / count
        scaled = "" if count == len(trials) else f" (from {count})"
        print(
            f"| {name} | {taken[name][0] * len(trials):.2f}{scaled} "
            f"| {1e3 * taken[name][0]:.1f} | {1e3 * taken[name][1]:.1f} | {compiled:.1f} |",
            flush=True,
        )
    own, single, loop = taken
    for clock, word in enumerate(("seconds", "CPU")):
        against = [taken[way][clock] / taken[own][clock] for way in (loop, single)]
        print(f"{word}: {against[0]:.2f}x against the loop, {against[1]:.2f}x against one by one")
    positions = [trials.index(trial) for trial in few]
    difference = np.abs(finals[own][positions] - finals[loop])
    sound = difference[np.isfinite(difference)]
    by_setting: dict[str, list[float]] = {}
    for trial, final in zip(trials, finals[own]):
        if np.isfinite(final):
            by_setting.setdefault(str(trial.settings), []).append(final)
    deviation, _ = pooled_deviation(list(by_setting.values()))
    print(f"final {w.metric}: largest difference to the loop {sound.max():.2g}, ", end="")
    print(f"mean {sound.mean():.2g}; deviation over seeds {deviation:.2g}")


if __name__ == "__main__":
    tune_malloc()
    split_cpu()
    main()
