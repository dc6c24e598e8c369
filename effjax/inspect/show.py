"""`effjax show`: what a config means, before anything is trained."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import ml_collections

from effjax import optim
from effjax.config import UNITS, UNSET, View, changed
from effjax.config.schema import declared_keys
from effjax.errors import UserError
from effjax.inspect.memory import show_cost
from effjax.inspect.schedule import plot_rates, show_schedule
from effjax.report import Display
from effjax.runs.schema import OptimConfig, RunConfig
from effjax.tasks.run import build
from effjax.training.groups import FROZEN
from effjax.training.setup import Setup


def show(
    config: ml_collections.ConfigDict,
    display: Display,
    plot: Path | None = None,
    devices: Sequence[jax.Device] | None = None,
) -> None:
    """Shows the resolved config, the parameters, the schedule, multiply-adds, memory, traffic.

    Args:
      config: a checked config.
      display: where to.
      plot: where to write the learning rates as a PNG; None: nowhere.
      devices: imagined ones; None: those of the config.

    Raises:
      UserError: anything in the config that cannot be done.
    """
    display.waiting("reading the data")
    if devices is not None and config.parallel.mode == "pmap":
        raise UserError("pmap needs devices that are here; give --config.parallel.mode=mesh")
    setup = build(config, devices)
    _show_config(config, display)
    rows = parameter_rows(setup)
    header = ("module", "parameters", "share", "group", "decays")
    display.line("")
    display.table("parameters", rows, header, right=(1, 2))
    display.line("")
    display.table("optimizers", optimizer_rows(setup), ("group", "optimizer", "rate", "decay"))
    display.line("")
    show_schedule(setup, display)
    if plot is not None:
        plot_rates(setup, plot)
        display.line(f"  picture: {plot}")
    display.line("")
    display.waiting("compiling the training step")
    show_cost(setup, display)


def _show_config(config: ml_collections.ConfigDict, display: Display) -> None:
    own = set(changed(config, RunConfig))
    leaves = config_leaves(config)
    width = max(len(path) for path in leaves)
    display.line("config (* differs from the default)", "bold")
    for path, value in leaves.items():
        if path in own:
            display.line(f"* {path:<{width}}  {value}", "bold")
        else:
            display.line(f"  {path:<{width}}  {value}", "dim")


def config_leaves(config: Mapping[str, Any], path: str = "") -> dict[str, str]:
    """{dotted key: value in Python}; of a duration only the unit that is set, or "-" for none."""
    leaves: dict[str, str] = {}
    for key, value in config.items():
        if isinstance(value, Mapping | ml_collections.ConfigDict):
            leaves |= config_leaves(value, f"{path}{key}.")
            continue
        name, _, unit = key.rpartition("_")
        spelled = [f"{name}_{unit}" for unit in UNITS]
        # a single `decay_steps` of an optimizer is a number of its own
        is_duration = unit in UNITS and all(other in config for other in spelled)
        if not is_duration:
            leaves[f"{path}{key}"] = repr(value)
            continue
        if value is not None:
            leaves[f"{path}{key}"] = f"{value:g}"
            continue
        unset = all(config[other] is None for other in spelled)
        # one line for the four keys, in the place of the first
        if unset and unit == UNITS[0]:
            leaves[f"{path}{name}"] = "-"
    return leaves


def parameter_rows(setup: Setup) -> list[tuple[str, str, str, str, str]]:
    """(module, count, share, group, what decays) of every module two levels deep, and the total."""
    params = setup.abstract.params
    paths = optim.parameter_paths(params)
    labels = jax.tree.leaves(setup.groups.labels)
    decaying = jax.tree.leaves(decay_mask(setup))
    sizes = [leaf.size for leaf in jax.tree.leaves(params)]
    leaves = list(zip(sizes, decaying))
    # by group too: a module may be frozen in part
    modules: dict[tuple[str, str], list[tuple[int, bool]]] = {}
    for path, label, leaf in zip(paths, labels, leaves):
        *parents, _ = path.split("/")
        module = "/".join(parents[:2])
        modules.setdefault((module, label), []).append(leaf)
    total = _count(leaves)
    rows = []
    for (module, label), own in modules.items():
        count = _count(own)
        share = count / max(1, total)  # there may be no parameter at all
        row = (
            module,
            f"{count:,}",
            f"{share:.1%}",
            label,
            _decaying_share(own),
        )
        rows.append(row)
    for when, learned in _learned(setup):
        if learned < total or when != "learned":
            rows.append((when, f"{learned:,}", f"{learned / total:.1%}", "", ""))
    rows.append(("total", f"{total:,}", "", "", _decaying_share(leaves)))
    return rows


def _learned(setup: Setup) -> list[tuple[str, int]]:
    """("learned", so many parameters), or a row for each step from which more of them are."""
    groups = setup.groups
    params = setup.abstract.params
    unfreezing = getattr(setup.task, "unfreezing", None)
    if unfreezing is None or not unfreezing.starts:
        return [("learned", groups.count_learned(params))]
    rows = []
    for phase, step in enumerate((0, *unfreezing.starts)):
        waiting = unfreezing.waiting(phase)
        rows.append((f"learned from step {step}", groups.count_learned(params, waiting)))
    return rows


def _count(leaves: Sequence[tuple[int, bool]]) -> int:
    return sum(size for size, _ in leaves)


def _decaying_share(leaves: Sequence[tuple[int, bool]]) -> str:
    """ "all", "none", or the share of the parameters that decay."""
    total = _count(leaves)
    decaying = _count([leaf for leaf in leaves if leaf[1]])
    if decaying == 0:
        return "none"
    if decaying == total:
        return "all"
    return f"{decaying / total:.1%}"


def decay_mask(setup: Setup) -> Any:
    """A tree of booleans like the parameters: which leaves weight decay pulls towards zero."""
    groups = setup.groups
    params = setup.abstract.params
    # frozen parameters belong to no transform, and stay False
    mask = jax.tree.map(lambda _: False, params)
    for name in groups.transforms:
        section = setup.config.optim[groups.section(name)]
        if not section.weight_decay:
            continue
        picked = groups.pick(params, name)
        decays = optim.match_rules(section.decay, picked, what="weight decay")
        mask = groups.put_back(mask, decays, name)
    return mask


def optimizer_rows(setup: Setup) -> list[tuple[str, str, str, str]]:
    """(group, optimizer with what was set, peak learning rate, weight decay) of every group."""
    rows = []
    for name in setup.groups.transforms:
        section = setup.config.optim[setup.groups.section(name)]
        settings = _set_values(section)
        words = [section.name]
        words += [f"{key}={value}" for key, value in settings.items()]
        words += _split_in_words(setup, name)
        row = (
            name,
            ", ".join(words),
            f"{section.learning_rate:g}",
            f"{section.weight_decay:g}",
        )
        rows.append(row)
    if FROZEN in jax.tree.leaves(setup.groups.labels):
        rows.append((FROZEN, "none", "-", "-"))
    return rows


def _set_values(section: View) -> dict[str, Any]:
    """What was set in an entry of `optim` beside what has a column of its own."""
    settings = section.extras("name", "learning_rate", "weight_decay", "decay")
    own = {}
    for key, value in settings.items():
        # hyperparameters have no default here: they are there because they were set
        _, default = declared_keys(OptimConfig).get(key, (None, UNSET))
        if value != default:
            own[key] = value
    return own


def _split_in_words(setup: Setup, group: str) -> list[str]:
    """What share of a group's parameters each part of a method serves: Muon has two."""
    params = setup.groups.pick(setup.abstract.params, group)
    section = setup.groups.section(group)
    labels = optim.parameter_split(setup.config.optim[section].name, params)
    if labels is None:
        return []
    sizes: dict[str, int] = {}
    for label, leaf in zip(jax.tree.leaves(labels), jax.tree.leaves(params)):
        sizes[label] = sizes.get(label, 0) + leaf.size
    total = max(1, sum(sizes.values()))
    words = []
    for label, size in sizes.items():
        words.append(f"{label} for {size / total:.1%}")
    return words
