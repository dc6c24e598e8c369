"""What a run under masks leaves behind: compress.json, and a picture of what each layer keeps."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from effjax.compress.effective import Effective, channels, effective, live_weights
from effjax.compress.masks import density, kept_counts
from effjax.compress.networks import path_program
from effjax.compress.written import read_written
from effjax.errors import UserError
from effjax.models import ImageModel
from effjax.report.figures import save_figure
from effjax.report.style import COLOURS, GREY
from effjax.runs.atomic import write_atomically

RECORD = "compress.json"
PICTURE = "compress.png"
MOST_LAYERS = 60  # more bars would be too thin to read


def write_record(
    model: ImageModel,
    variables: Any,
    image_shape: tuple[int, int, int],
    masks: Mapping[str, np.ndarray],
    options: Any,
    workdir: Path,
) -> None:
    """Writes compress.json and compress.png into a run's folder."""
    kept = kept_counts(masks)
    layers = {}
    for path, mask in masks.items():
        layers[path] = {"kept": kept[path], "of": math.prod(mask.shape)}
    record = {
        "method": options.method,
        "arm": options.arm,
        "wanted_density": options.density,
        "density": density(masks),
        "layers": layers,
    }
    live = None
    try:
        program = path_program(model, variables, image_shape)
        found = effective(program, masks)
        live = live_weights(program, masks)
    except UserError as error:  # a network whose paths cannot be counted is trained all the same
        record["paths"] = str(error).splitlines()[0]
    else:
        record["paths"] = describe(found)
        for path, weights in live.items():
            layers[path]["live"] = int(weights.sum())
            layers[path]["live_outputs"] = channels(weights, -1)
    write_atomically(workdir / RECORD, json.dumps(record, indent=1) + "\n")
    plot_layers(
        layers, workdir / PICTURE, f"{options.method}, {100 * record['density']:.3g} % kept"
    )


def describe(found: Effective) -> dict[str, Any]:
    """The numbers of a whole network, as JSON data; no path at all has no logarithm."""
    return {
        "log_paths": found.log_paths if math.isfinite(found.log_paths) else None,
        "log_paths_own_rule": (
            found.log_paths_own_rule if math.isfinite(found.log_paths_own_rule) else None
        ),
        "kept_weights": found.kept,
        "live_weights": found.live,
        "live_nodes": found.nodes,
    }


def plot_layers(layers: Mapping[str, Mapping[str, int]], path: Path, title: str) -> None:
    """Writes a PNG: the share of weights that each layer keeps, and of those that lie on a path."""
    from matplotlib.figure import Figure

    shown = list(layers.items())[:MOST_LAYERS]
    figure = Figure(figsize=(8, 1.2 + 0.22 * len(shown)), layout="constrained")
    axes = figure.subplots()
    names = [name.removesuffix("/kernel") for name, _ in shown]
    kept = [100 * layer["kept"] / layer["of"] for _, layer in shown]
    axes.barh(names, kept, color=GREY, label="kept")
    if all("live" in layer for _, layer in shown):
        live = [100 * layer["live"] / layer["of"] for _, layer in shown]
        axes.barh(names, live, color=COLOURS[0], height=0.4, label="on a path")
    axes.invert_yaxis()
    axes.tick_params(axis="y", labelsize=7)
    axes.set_xlim(0, max([*kept, 1.0]) * 1.05)
    axes.set_xlabel("% of the layer's weights")
    axes.set_title(title, fontsize=10)
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    save_figure(figure, path)


def read_record(workdir: Path) -> dict[str, Any]:
    """compress.json of a run.

    Raises:
      UserError: there is none, or it cannot be read.
    """
    return read_written(workdir, RECORD)
