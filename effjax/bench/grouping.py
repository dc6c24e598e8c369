"""How the trials of one optimizer and workload are put together into programs.

Trials share a program if what differs in them can be an argument of it. Whether they also share
their steps under `vmap` is measured: on two CPU cores it made a small convolutional network 4 times
slower a trial, and an MLP 4.6 times faster than an ordinary loop.
"""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import numpy as np

from effjax.bench.member import Member, Recipe, differs, is_traceable, make_recipe
from effjax.bench.problems import Problem
from effjax.bench.program import Program
from effjax.bench.results import ResultsFolder
from effjax.bench.tuning import OptimizerTrial
from effjax.bench.workloads import Workload
from effjax.config import View
from effjax.report import Display

PROBED = 8  # trials of the program whose speed is compared with one alone
PROBE_SECONDS = 0.1  # that a probe of a program should take
PROBE_CALLS = 5


@dataclass(frozen=True)
class Grouping:
    """How trials are put together.

    Attributes:
      each: trials under vmap on each device; 1: none.
      most: the most that may be, for groups of another size; 1 where vmap is slower.
      why: what decided it, in words.
    """

    each: int
    most: int
    why: str


def alike(trials: Sequence[OptimizerTrial], workload: View) -> list[list[OptimizerTrial]]:
    """Parts whose trials can share a program: what differs in them can be an argument of it."""
    first = trials[0]
    settings = [trial.settings for trial in trials]
    # keys that differ and cannot be an argument, such as the name of an inner optimizer
    static = []
    for key in first.settings:
        if not differs(key, settings):
            continue
        if not is_traceable(first.name, first.settings, key, first.schedule, workload):
            static.append(key)
    parts: dict[str, list[OptimizerTrial]] = {}
    for trial in trials:
        values = json.dumps([trial.settings[key] for key in static])
        parts.setdefault(values, []).append(trial)
    return list(parts.values())


def make_program(
    workload: Workload,
    population: View,
    trials: Sequence[OptimizerTrial],
    results: ResultsFolder,
    display: Display,
) -> Program:
    """The program for trials that are `alike`, grouped as decided before in this folder.

    A workload that has no decision yet is probed, and the decision is written down: a rerun groups
    trials in the same way, so that it computes what the first run would have.
    """
    first = trials[0]
    settings = [trial.settings for trial in trials]
    recipe = make_recipe(first.name, settings, first.schedule, workload.config)
    devices = jax.local_devices()[: len(trials)]
    share = per_device(len(trials), len(devices))
    key = f"{workload.identity['problem_hash']} {results.machine} {population.mode}"
    known = results.plans().get(key)
    member = Member(workload.problem, recipe)
    if known is not None:
        most = min(share, known["most"])
        return Program(member, workload.config, even(share, most), devices)
    display.waiting(f"probing {workload.label}: vmap or one by one")
    grouping, program = choose_grouping(
        workload.problem, recipe, workload.config, population, trials, devices
    )
    # one trial a device decides nothing for larger groups
    if share > 1:
        plan = {"workload": workload.label, "most": grouping.most, "why": grouping.why}
        results.remember_plan(key, plan)
        kind = "one by one" if grouping.each == 1 else f"{grouping.each} by vmap"
        display.line(f"{workload.label}: {kind}: {grouping.why}")
    return program or Program(member, workload.config, grouping.each, devices)


def choose_grouping(
    problem: Problem,
    recipe: Recipe,
    workload: View,
    population: View,
    trials: Sequence[OptimizerTrial],
    devices: Sequence[jax.Device],
) -> tuple[Grouping, Program | None]:
    """Decides between vmap and one trial after another by timing both.

    Returns:
      The grouping, and the program of single trials where it was compiled for the decision.
    """
    share = per_device(len(trials), len(devices))
    if population.mode == "single":
        return Grouping(1, 1, "as configured"), None
    if share == 1:
        return Grouping(1, 1, "one trial for each device"), None
    member = Member(problem, recipe)
    single = Program(member, workload, 1, devices)
    seconds_alone = probe_seconds(single, trials)
    allowed = _memory(devices[0]) * population.memory_percent / 100.0
    fitting = max(1, int(allowed // single.bytes_of_one()))
    room = min(population.most, fitting)  # for any group of this workload
    most = min(share, room)  # for this one
    if most == 1:
        return Grouping(1, 1, "two trials do not fit in memory"), single
    if population.mode == "vmap":
        return Grouping(even(share, most), room, "as configured"), None
    together = Program(member, workload, min(PROBED, most), devices)
    seconds_together = probe_seconds(together, trials)
    why = (
        f"a step of a trial takes {1e3 * seconds_alone:.3g} ms alone, "
        f"{1e3 * seconds_together:.3g} ms in vmap"
    )
    if seconds_together < seconds_alone:
        return Grouping(even(share, most), room, why), None
    return Grouping(1, 1, why), single


def probe_seconds(program: Program, trials: Sequence[OptimizerTrial]) -> float:
    """Seconds that a step of one trial takes in this program, after compilation."""
    filled = [trials[i % len(trials)] for i in range(program.width)]
    group = program.start(filled)
    segment = min(program.workload.eval_every, program.workload.max_steps)
    steps = 1
    best = float("inf")
    for call in range(PROBE_CALLS):
        since = time.perf_counter()
        jax.block_until_ready(group.advance(0, steps, segment))
        taken = time.perf_counter() - since
        # the first call compiles, the second tells how many steps are worth timing
        if call == 1:
            steps = int(np.clip(PROBE_SECONDS / taken, 1, segment))
        elif call > 1:
            best = min(best, taken / steps)
    return best / program.width


def per_device(trials: int, devices: int) -> int:
    """The largest number of trials that a device gets."""
    return -(-trials // devices)


def even(count: int, most: int) -> int:
    """The size of parts of at most `most` that divide `count` evenly: 65 in 64s are 33 and 32."""
    parts = -(-count // most)
    return -(-count // parts)


def _memory(device: jax.Device) -> float:
    stats = device.memory_stats() or {}
    if "bytes_limit" in stats:
        return float(stats["bytes_limit"])
    # a CPU: its devices share the machine's memory
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return whole / max(1, jax.local_device_count())
