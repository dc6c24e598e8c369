"""Post-training quantisation in one call: the network of a run, with fewer bits, as a run.

    effjax compress --workdir=runs/quickstart --bits=8

What is written is the folder of a run of task `quantise` that has made no update yet: it is
evaluated, exported and started from as any other.
"""

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

import jax
import ml_collections

from effjax.compress.mixed import mixed_bits, read_budget
from effjax.compress.quantise_task import Quantise
from effjax.compress.quantised import Bits, check_bits
from effjax.compress.quantised_layers import Summary, summarise, write_summary
from effjax.contract import join_variables
from effjax.costs import Budget
from effjax.errors import UserError
from effjax.report import Display, format_bytes
from effjax.runs.checkpoints import Checkpoints
from effjax.runs.data_record import describe_data
from effjax.runs.folder import CHECKPOINTS, CONFIG, check_writable
from effjax.runs.folder import read_summary as read_end
from effjax.runs.record import open_workdir
from effjax.runs.seeds import run_key
from effjax.tasks.registry import find_task
from effjax.training.between import Between
from effjax.training.evaluation import evaluate
from effjax.training.restore import parts
from effjax.training.setup import Setup
from effjax.training.start import starting_state


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What a network is to be quantised to.

    Attributes:
      bits: of layers; its `weights` is not used where there are choices.
      choices: of the bits of each layer, under `budget`; (): none.
      budget: of the bytes of all weights, or of the milliseconds of all layers.
      table: of the milliseconds of layers.
    """

    bits: Bits
    choices: tuple[int, ...] = ()
    budget: Budget | None = None
    table: Path | None = None


def read_wanted(
    bits: str,
    activations: int = 8,
    layers: str | None = None,
    budget: str | None = None,
    table: Path | None = None,
) -> Wanted:
    """Of the flags of `effjax compress --bits`.

    Args:
      bits: "8", or "4,8" under a budget.
      activations: their bits.
      layers: bits of some layers: "stem|head=8".
      budget: "size:0.2x" or "latency:3 ms".
      table: of the milliseconds of layers, which a budget of latency needs.

    Raises:
      UserError: another form, or bits that layers cannot have.
    """
    try:
        choices = tuple(sorted({int(number) for number in bits.split(",")}))
    except ValueError:
        raise UserError(f"--bits={bits}: expected a number such as 8, or several: 4,8") from None
    for number in choices:
        check_bits("--bits", number)
    if (len(choices) > 1) != (budget is not None):
        raise UserError(
            "--budget chooses among several bits for each layer\n"
            "give both, --bits=4,8 --budget=size:0.2x, or one number of bits alone"
        )
    found = Bits(choices[-1], activations, _read_rules(layers))
    amount = None if budget is None else read_budget(budget)
    is_latency = amount is not None and amount.unit == "latency"
    if is_latency and table is None:
        raise UserError(
            "--budget=latency of bits needs --latency-table=FILE, measured where integers run: "
            'JAX computes rounded numbers as fast as floats\nits form: {"LAYER": {"8": '
            "MILLISECONDS, ...}, ...}; or give --budget=size:0.2x"
        )
    if table is not None and not is_latency:
        raise UserError("--latency-table is for --budget=latency:...; leave it out")
    if amount is None:
        return Wanted(found)
    return Wanted(found, choices, amount, table)


def _read_rules(text: str | None) -> tuple[tuple[str, int], ...]:
    rules = []
    for rule in text.split(",") if text else ():
        pattern, _, number = rule.rpartition("=")
        if not pattern or not number.isdecimal():
            raise UserError(f"--layer-bits={rule}: expected REGEX=BITS, such as 'stem|head=8'")
        rules.append((pattern, int(number)))
    return tuple(rules)


def quantise_run(
    workdir: Path,
    out: Path,
    wanted: Wanted,
    display: Display,
) -> dict[str, float]:
    """Quantises the network of a run, and writes it as a run into `out`.

    Returns:
      the metrics of the quantised network, {"<evaluator>/<metric>": value}.

    Raises:
      UserError: no such run, its images are not there, a folder that holds a run already, or a
        budget that cannot be met.
    """
    if (out / CONFIG).exists():
        raise UserError(f"{out} holds a run already; give another --out")
    check_writable(out)
    display.waiting("reading the run")
    bits = wanted.bits
    setup, state = _start(workdir, out, bits, display)
    if wanted.budget is not None:
        variables = _variables(setup, state)
        rules = mixed_bits(
            setup.task, variables, bits, wanted.choices, wanted.budget, display, wanted.table
        )
        bits = dataclasses.replace(bits, layers=bits.layers + rules)
        setup, state = _start(workdir, out, bits, display)
    display.waiting("measuring what layers take")
    state = Between(setup.task, setup.source, setup.runner)(state, 0)
    display.waiting("evaluating")
    key = jax.random.fold_in(run_key(setup.config.seed), 0)
    evaluators = setup.task.evaluators(setup.config)
    metrics = evaluate(state, evaluators, setup.groups, setup.runner, key)
    summary = summarise(setup.task.model, _variables(setup, state), setup.task.split.image_shape)
    _write(setup, state, metrics, summary, out)
    _show(summary, metrics, workdir, out, display)
    return metrics


def _start(
    workdir: Path,
    out: Path,
    bits: Bits,
    display: Display,
) -> tuple[Setup, Any]:
    """The parts of a run of task `quantise` that starts from a run, and its first state."""

    def change(config: ml_collections.ConfigDict) -> None:
        config.task = _task_of(config.task.to_dict(), bits)
        # where the run has an average, that is what one starts from
        config.ema.decay = None
        config.update(init_from=str(workdir), continue_from=None)
        config.update(init_ignore=(), init_rename=())

    setup = parts(find_task, workdir, change)
    # there is no checkpoint in `out`, so that the state is the one that init_from gives
    with contextlib.closing(Checkpoints(out / CHECKPOINTS, warn=display.warn)) as checkpoints:
        display.waiting("initialising")
        state = starting_state(setup, checkpoints, None, out, display)
    return setup, state


def _task_of(task: dict[str, Any], bits: Bits) -> ml_collections.ConfigDict:
    """The section `config.task` of a run, made that of a quantised one."""
    known = {field.name for field in dataclasses.fields(Quantise.Config)}
    kept = {key: value for key, value in task.items() if key in known or key == "early_stop"}
    kept |= {
        "name": "quantise",
        "weight_bits": bits.weights,
        "activation_bits": bits.activations,
        "layer_bits": bits.layers,
    }
    return ml_collections.ConfigDict(kept)


def _variables(setup: Setup, state: Any) -> Any:
    ordinary = setup.runner.gather(state)
    return join_variables(*setup.runner.whole((ordinary.params, ordinary.model_state)))


def _write(
    setup: Setup,
    state: Any,
    metrics: dict[str, float],
    summary: Summary,
    out: Path,
) -> None:
    open_workdir(out, setup.config, setup.task.record(), describe_data(setup.source))
    with contextlib.closing(Checkpoints(out / CHECKPOINTS)) as checkpoints:
        position = {"train": 0, "between": 0}
        checkpoints.save(setup.runner.gather(state), position, metrics, safely=True)
    write_summary(summary, out)


def _show(
    summary: Summary,
    metrics: dict[str, float],
    workdir: Path,
    out: Path,
    display: Display,
) -> None:
    before = (read_end(workdir) or {}).get("final", {})
    rows = summary.rows()
    left = 100 * summary.bytes / summary.float_bytes
    sizes = f"{format_bytes(summary.float_bytes)} -> {format_bytes(summary.bytes)} ({left:.0f} %)"
    rows.append(("weights take", sizes))
    for name, value in metrics.items():
        # an average is what was quantised, where there is one
        evaluation, _, metric = name.partition("/")
        was = before.get(f"{evaluation}_ema/{metric}", before.get(name))
        rows.append((name, f"{value:.4f}" if was is None else f"{was:.4f} -> {value:.4f}"))
    display.table(f"{workdir} in fewer bits", rows)
    display.line(f"run: {out}")
    display.line(f"a file of integers: effjax export --workdir={out} --format=onnx --measure")
    display.line(
        f"train it further: effjax train --config=F --config.task.name=quantise "
        f"--config.init_from={workdir}"
    )
