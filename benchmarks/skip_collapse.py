"""Do skips take over a cell? DARTS, searched for long, beside PR-DARTS, over several seeds.

    python benchmarks/skip_collapse.py OUT [--seeds=0,1,2] [--epochs=20] [--data=planted|cifar10]

Writes OUT/collapse.json (skips and depth of every epoch), OUT/collapse.png and OUT/runs.csv (skips
at the end); a run that is there is not made again. The network is tiny: three cells of two nodes,
four channels.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import ml_collections
import numpy as np

import effjax
from effjax.config import to_config
from effjax.report import choose_display
from effjax.report.style import COLOURS
from effjax.runs.schema import OptimConfig
from effjax.trials.paired import Result
from effjax.trials.runs_table import write_runs
from effjax.trials.trial import Trial

METHODS = ("darts", "pr_darts")
OPERATIONS = ("none", "skip_connect", "avg_pool_3x3", "dil_conv_3x3")


def supernet(method: str, data: str, seed: int, epochs: float) -> ml_collections.ConfigDict:
    """The config of one search."""
    config = effjax.default_config()
    config.seed = seed
    config.total_epochs = epochs
    config.task.update(name=method, operations=OPERATIONS, nodes=2)
    config.task.update(search_width=4, search_layers=3, stem_multiplier=2)
    if method == "darts":
        config.task.order = "first"
    config.model.update(name="darts_v2", width=8, layers=3)
    config.data.update(batch_size=64, cache="memory", workers=0)
    config.data.augment.update(crop="none", hflip=0.0)
    if data == "planted":
        config.data.update(name="benchmarks.planted_chain:PlantedChain", image_size=8)
    else:
        config.data.update(name="cifar10", image_size=16, train_split=a_fifth("train"))
        config.data.update(val_split="test[:2000]", eval_batch_size=200)
        config.data.augment.hflip = 0.5
    config.optim.default.update(name="sgd", learning_rate=0.05, momentum=0.9, clip_norm=5.0)
    config.optim.default.weight_decay = 3e-4
    config.optim.alphas = to_config(OptimConfig)
    # thirty times the published rate: the published searches are so much longer
    config.optim.alphas.update(name="adam", learning_rate=1e-2, b1=0.5, b2=0.999)
    config.optim.alphas.update(weight_decay=1e-3, decay=((r".*", True),))
    config.schedule.update(name="cosine", end=0.04)
    config.log.update(tensorboard=False, curves=False)
    return config


def a_fifth(split: str) -> str:
    """Ten slices that make up a fifth: as many of each class if the split is sorted by class."""
    return "+".join(f"{split}[{start}%:{start + 2}%]" for start in range(0, 100, 10))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--epochs", type=float, default=20.0)
    parser.add_argument("--data", choices=("planted", "cifar10"), default="planted")
    args = parser.parse_args()
    seeds = [int(seed) for seed in args.seeds.split(",")]
    ways: dict[str, list] = {method: [] for method in METHODS}
    for seed in seeds:
        for method in METHODS:
            folder = args.out / f"{method}-{seed}"
            if not (folder / "search.json").exists():
                config = supernet(method, args.data, seed, args.epochs)
                effjax.train(config, folder, display=choose_display(quiet=True))
            record = json.loads((folder / "search.json").read_text())
            ways[method].append({"seed": seed, "way": record["way"]})
            last = record["way"][-1]
            print(method, seed, last, record["genotype"], flush=True)
        # after each seed, so that a killed run leaves whole pairs
        write_runs(args.out, "skips", ends(ways))
    (args.out / "collapse.json").write_text(json.dumps(ways) + "\n")
    draw(ways, args.out / "collapse.png")


def ends(ways: dict[str, list]) -> list[Result]:
    """The normal cell's skips after the last epoch."""
    results = []
    for method, runs in ways.items():
        for run in runs:
            skips = float(run["way"][-1]["normal_skips"])
            results.append(Result(Trial(variant=method, seed=run["seed"]), skips))
    return results


def draw(ways: dict[str, list], path: Path) -> None:
    """Skips and depth over epochs, a row of panels a cell: mean, range, and where seeds end."""
    import matplotlib.figure

    figure = matplotlib.figure.Figure(figsize=(9, 5.6), layout="constrained")
    rows = figure.subplots(2, 2, sharex=True)
    cells = {"normal": "normal cell", "reduce": "reduction cell"}
    titles = {"skips": "skips, of 4 edges", "depth": "convolutions in a row"}
    for axes, (cell, name) in zip(rows, cells.items()):
        for axis, (key, title) in zip(axes, titles.items()):
            draw_panel(axis, ways, f"{cell}_{key}")
            most = 4 if key == "skips" else 2
            axis.set(title=f"{name}: {title}", ylim=(-0.2, most + 0.2), yticks=range(most + 1))
            axis.grid(axis="y", alpha=0.3)
    for axis in rows[-1]:
        axis.set_xlabel("epoch")
    seeds = len(ways[METHODS[0]])
    lines, names = rows[0, 0].get_legend_handles_labels()
    title = f"lines: mean of {seeds} seeds; shade: least to most; dots: where each seed ends"
    figure.legend(lines, names, loc="outside lower center", ncols=2, title=title, frameon=False)
    figure.savefig(path, dpi=120)


def draw_panel(axis: Any, ways: dict[str, list], key: str) -> None:
    """One figure of the cells over epochs; equal ends lie beside each other."""
    for number, (method, runs) in enumerate(ways.items()):
        color = COLOURS[number]
        values = np.array([[row[key] for row in run["way"]] for run in runs])  # [seeds, epochs]
        epochs = np.arange(values.shape[1])
        name = method.replace("_", "-").upper()
        axis.fill_between(epochs, values.min(0), values.max(0), color=color, alpha=0.12, lw=0)
        axis.plot(epochs, values.mean(0), color=color, linewidth=2, label=name)
        beside = epochs[-1] + 0.6 + 0.35 * (len(runs) * number + np.arange(len(runs)))
        axis.plot(beside, values[:, -1], "o", color=color, markersize=3)


if __name__ == "__main__":
    main()
