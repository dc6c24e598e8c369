"""`effjax profile`: where the time of a training step goes, operation by operation."""

import collections
import dataclasses
import re
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import ml_collections

from effjax.report import Display
from effjax.tasks.run import build
from effjax.training.programs import compile_step

WARM_UP = 2


@dataclasses.dataclass(frozen=True)
class Operation:
    """One operation of the compiled step: `milliseconds` are summed over threads, for one step."""

    name: str
    milliseconds: float
    calls: float
    origin: str


def profile(
    config: ml_collections.ConfigDict, out: Path, display: Display, steps: int = 5, rows: int = 20
) -> list[Operation]:
    """Traces `steps` training steps and shows the slowest operations.

    Args:
      config: what to train.
      out: a folder for the trace, which TensorBoard and Perfetto open.
      display: where the table goes.
      steps: how many steps are traced, after two that are not.
      rows: how many operations the table has.

    Returns:
      All operations, the slowest first.

    Raises:
      UserError: the config is wrong.
    """
    display.waiting("compiling the training step")
    setup = build(config)
    state = setup.runner.place(setup.fresh())
    with setup.source.batches() as batches:
        batch = setup.runner.send(next(batches))
    compiled = compile_step(setup, (), state)
    # the first steps load libraries and fill the caches
    for _ in range(WARM_UP):
        state, metrics = compiled(state, batch)
    jax.block_until_ready(metrics)
    display.waiting("tracing")
    since = time.perf_counter()
    with jax.profiler.trace(str(out), create_perfetto_trace=False):
        for _ in range(steps):
            state, metrics = compiled(state, batch)
        # inside: a call returns before its step has run
        jax.block_until_ready((state, metrics))
    seconds = time.perf_counter() - since
    operations = read_trace(out, steps, origins(compiled.as_text()))
    busy = sum(operation.milliseconds for operation in operations)
    wall = 1e3 * seconds / steps  # milliseconds
    title = f"a step takes {wall:.1f} ms; its operations take {busy:.1f} ms, summed over threads"
    header = ("ms", "share", "calls", "operation", "from")
    display.table(title, _rows(operations[:rows], busy), header, right=range(3))
    display.line(f"trace: {out} (tensorboard --logdir={out}, or open it at ui.perfetto.dev)")
    return operations


def _rows(operations: Sequence[Operation], busy: float) -> list[tuple[str, ...]]:
    """A row an operation; `busy` are the milliseconds of all."""
    rows = []
    for operation in operations:
        row = (
            f"{operation.milliseconds:.2f}",
            f"{operation.milliseconds / busy:.1%}",
            f"{operation.calls:.0f}",
            operation.name,
            operation.origin,
        )
        rows.append(row)
    return rows


def read_trace(folder: Path, steps: int, where: dict[str, str]) -> list[Operation]:
    """The operations of the newest trace in a folder, the slowest first.

    Args:
      folder: what `jax.profiler.trace` wrote.
      steps: how many steps it holds.
      where: {operation: the part of the model it comes from}.
    """
    # the profiler adds a folder at each run, named by the time
    traces = folder.rglob("*.xplane.pb")
    newest = max(traces, key=lambda path: path.stat().st_mtime)
    spent: dict[str, float] = collections.defaultdict(float)
    calls: dict[str, int] = collections.defaultdict(int)
    with warnings.catch_warnings():
        # jaxlib's own type warns when it is first met, and aborts where warnings are errors
        warnings.filterwarnings("ignore", category=DeprecationWarning, message="builtin type")
        data = jax.profiler.ProfileData.from_file(str(newest))
        for event in _events(data):
            statistics = dict(event.stats)
            name = statistics.get("hlo_op")
            if name is None:  # of the runtime, not of the program
                continue
            spent[name] += event.duration_ns / 1e6
            calls[name] += 1
    found = []
    for name, total in spent.items():
        operation = Operation(
            name,
            milliseconds=total / steps,
            calls=calls[name] / steps,
            origin=where.get(name, ""),
        )
        found.append(operation)
    return sorted(found, key=lambda operation: -operation.milliseconds)


def _events(data: Any) -> Any:
    for plane in data.planes:
        for line in plane.lines:
            yield from line.events


def origins(program: str) -> dict[str, str]:
    """{operation: part of the model} from the text of a compiled program."""
    pattern = re.compile(r'%?([\w.\-]+) = .*?metadata=\{op_name="([^"]+)"')
    return {name: _shorten(path) for name, path in pattern.findall(program)}


def _shorten(path: str) -> str:
    """jit(f)/transpose(jvp(Net))/blocks_1/mlp/dot -> blocks_1/mlp/dot (backward)."""
    parts = path.split("/")
    # JAX's gradient is the transpose of the linearised function
    backward = any(part.startswith("transpose(") for part in parts)
    modules = []
    for part in parts:
        is_wrapper = "(" in part or part.startswith("pjit")
        if not is_wrapper:
            modules.append(part)
    words = "/".join(modules[-5:])
    if backward:
        words += " (backward)"
    return words
