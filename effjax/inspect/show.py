"""`effjax show`: what a config means, before anything is trained."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import ml_collections
import numpy as np

from effjax import optim
from effjax.config import UNITS, changed
from effjax.data.tools.picture import save_picture
from effjax.errors import UserError
from effjax.inspect.memory import show_cost
from effjax.report import Display, plot_text
from effjax.runs.schema import RunConfig
from effjax.tasks.classification import Classification
from effjax.tasks.run import build
from effjax.training.groups import FROZEN
from effjax.training.setup import Setup

PLOT_COLUMNS = 72


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
    _show_schedule(setup, display)
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
    rows.append(("total", f"{total:,}", "", "", _decaying_share(leaves)))
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
        section = setup.config.optim[name]
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
        section = setup.config.optim[name]
        settings = section.extras("name", "learning_rate", "weight_decay", "decay", "clip_norm")
        if section.clip_norm is not None:
            settings["clip_norm"] = section.clip_norm
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


def _split_in_words(setup: Setup, group: str) -> list[str]:
    """What share of a group's parameters each part of a method serves: Muon has two."""
    params = setup.groups.pick(setup.abstract.params, group)
    labels = optim.parameter_split(setup.config.optim[group].name, params)
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


def learning_rates(setup: Setup, points: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """(steps [points], {group: rates [points]}) over the whole run."""
    last = max(0, setup.clock.total_steps - 1)
    points = min(points, last + 1)
    steps = np.linspace(0, last, points).round()
    steps = np.unique(steps.astype(int))  # rounding may give a step twice
    rates = {}
    for name, rate in setup.groups.rates.items():
        rates[name] = np.asarray(rate(steps))
    return steps, rates


def _show_schedule(setup: Setup, display: Display) -> None:
    steps, rates = learning_rates(setup, PLOT_COLUMNS)
    name = setup.config.schedule.name
    labels = ("0", f"{setup.clock.total_steps:,} steps")
    # a short run has fewer steps than columns: stretched to the same width
    places = np.linspace(0, len(steps) - 1, PLOT_COLUMNS)
    for group, values in rates.items():
        columns = np.interp(places, range(len(steps)), values)
        display.line(f"learning rate of {group}: {name}", "bold")
        for line in plot_text(list(columns), labels=labels):
            display.line(f"  {line}")


def plot_rates(setup: Setup, path: Path) -> None:
    """Writes the learning rates of all groups against steps as a PNG.

    Raises:
      UserError: the file cannot be written.
    """
    from matplotlib.figure import Figure

    steps, rates = learning_rates(setup, 1000)
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    for name, values in rates.items():
        axes.plot(steps, values, label=name)
    axes.set_xlabel("step")
    axes.set_title(f"learning rate: {setup.config.schedule.name}", loc="left", fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, frameon=False)
    try:
        figure.savefig(path, format="png", dpi=120)
    except OSError as error:
        raise UserError(f"cannot write --plot={path}: {error.strerror}") from error


def show_batch(
    config: ml_collections.ConfigDict, display: Display, plot: Path | None = None
) -> None:
    """Shows the first training batch: shapes, dtypes, value ranges and labels.

    With `plot` the images are drawn as the network gets them, augmented and mixed.
    """
    display.waiting("reading the data")
    if config.data.cache == "device":
        # its batches are numbers of images on the device; memory gives the same images as arrays
        config.data.cache = "memory"
    setup = build(config)
    batches = setup.source.batches(0)
    try:
        batch = next(batches)
    finally:
        batches.close()  # ends the threads that read ahead
    header = ("array", "shape", "dtype", "smallest", "mean", "largest")
    display.table("first training batch", batch_rows(batch), header, right=(3, 4, 5))
    if "label" in batch:
        names = getattr(setup.source, "class_names", ())
        display.line("")
        display.table("labels", label_rows(batch["label"], names), ("label", "images", "first at"))
    if plot is not None:
        _draw(setup, batch, plot)
        display.line(f"drawn: {plot}")


def _draw(setup: Setup, batch: Mapping[str, np.ndarray], plot: Path) -> None:
    if not isinstance(setup.task, Classification):
        raise UserError(f"a batch of task {setup.config.task.name!r} has no images to draw")
    key = jax.random.key(setup.config.seed)
    images, labels = jax.jit(setup.task.mixed)(batch, key)
    data = setup.config.data
    try:
        save_picture(
            plot,
            np.asarray(images),
            np.asarray(labels),
            setup.task.split.class_names,
            data.mean,
            data.std,
        )
    except OSError as error:
        raise UserError(f"cannot write --plot={plot}: {error.strerror}") from error


def batch_rows(batch: Mapping[str, np.ndarray]) -> list[tuple[str, ...]]:
    """(name, shape, dtype, smallest, mean, largest) of every array."""
    rows = []
    for name, array in batch.items():
        row = (
            name,
            str(list(array.shape)),
            str(array.dtype),
            f"{array.min():g}",
            f"{array.mean():.4g}",
            f"{array.max():g}",
        )
        rows.append(row)
    return rows


def label_rows(labels: np.ndarray, names: Sequence[str]) -> list[tuple[str, str, str]]:
    """(label with its name, how many images, where the first one is) of the labels in a batch."""
    found, first, counts = np.unique(labels, return_index=True, return_counts=True)
    most = counts.max()
    rows = []
    for label, place, count in zip(found, first, counts):
        named = str(label)
        if label < len(names):  # the data may have no names
            named += f" {names[label]}"
        length = round(20 * count / most)
        bar = "█" * max(1, length)
        rows.append((named, f"{count:>4} {bar}", str(place)))
    return rows
