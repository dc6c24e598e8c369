"""What a training step costs a TPU chip, in bytes and FLOPs: compiled for chips that are not here.

    pip install libtpu
    python benchmarks/scaling.py --topology=v5p:2x2x4 --images=32,4 --fsdp=1,16 --out=b36.jsonl
    python benchmarks/scaling.py --predict=b36.jsonl

The first compiles the step with TPU's own XLA for a slice of that shape (nothing is run) and writes
what XLA says of memory, FLOPs and bytes, and the collectives in the optimised HLO. `--by-depth`
compiles the network with one block in each stage, and with one block more in one stage at a time,
and adds up as many blocks as there are: the blocks of a stage cost the same, and five small
programs are compiled sooner than a large one. The second computes times for more chips from these
and from published speeds. See docs/scaling.md.
"""

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from effjax import models
from effjax.config import load
from effjax.inspect.collectives import collectives
from effjax.inspect.memory import imagine_topology, pretend_devices
from effjax.train import RunConfig
from effjax.train.programs import bytes_a_device, lower
from effjax.train.setup import build


def measure(config: Any, devices: list[jax.Device], images: int, fsdp: int) -> dict[str, Any]:
    """Compiles one layout and returns what is to be known of it, a chip."""
    config.data.update(name="synthetic", synthetic_classes=1000, cache=None)
    config.data.batch_size = config.data.synthetic_examples = images * len(devices)
    config.parallel.fsdp = fsdp
    config.model.dtype = "bfloat16"
    setup = build(config, devices)
    since = time.monotonic()
    compiled = lower(setup, (), setup.abstract).compile()
    memory, cost = compiled.memory_analysis(), compiled.cost_analysis()
    found = collectives(compiled.as_text(), len(devices))
    kinds = {}
    for kind in sorted({c.kind for c in found}):
        same = [c for c in found if c.kind == kind]
        kinds[kind] = {
            "operations": sum(c.times for c in same),
            "bytes": sum(c.times * c.bytes for c in same),
            "sent": round(sum(c.sent for c in same)),
            "devices": sorted({c.devices for c in same}),
        }
    return {
        "chips": len(devices),
        "fsdp": fsdp,
        "images": images,
        "parameters": bytes_a_device(setup.abstract.params),
        "optimizer": bytes_a_device(setup.abstract.opt_state),
        "temporaries": memory.temp_size_in_bytes,
        "arguments": memory.argument_size_in_bytes,
        "flops": cost.get("flops"),
        "bytes_accessed": cost.get("bytes accessed"),
        "collectives": kinds,
        "compile_seconds": round(time.monotonic() - since, 1),
    }


ADDITIVE = ("parameters", "optimizer", "temporaries", "flops", "bytes_accessed", "collectives")


def measure_by_depth(
    make: Callable[[tuple[int, ...]], Any],
    depths: tuple[int, ...],
    devices: list[jax.Device],
    images: int,
    fsdp: int,
) -> dict[str, Any]:
    """What `measure` gives for a network of so many blocks a stage, from networks of few.

    Args:
      make: the config of a network with other depths.
    """

    def measure_few(few: tuple[int, ...]) -> dict[str, Any]:
        row = measure(make(few), devices, images, fsdp)
        print(f"blocks {few}: {row}", file=sys.stderr, flush=True)
        return row

    ones = (1,) * len(depths)
    base = measure_few(ones)
    total = {key: base[key] for key in ADDITIVE}
    seconds = base["compile_seconds"]
    for stage, depth in enumerate(depths):
        more = measure_few((*ones[:stage], 2, *ones[stage + 1 :]))
        total = add(total, depth - 1, add({key: more[key] for key in ADDITIVE}, -1, base))
        seconds += more["compile_seconds"]
    return base | total | {"compile_seconds": round(seconds, 1), "by_depth": list(depths)}


def add(one: Any, times: float, other: Any) -> Any:
    """one + times * other, of numbers in dicts; other keys than those of `one` are left out."""
    if isinstance(one, dict):
        return {key: add(value, times, other[key]) for key, value in one.items()}
    return one if isinstance(one, list) else one + times * other


@dataclasses.dataclass(frozen=True)
class Chip:
    """Published speeds of a chip, and of the torus that it sits in.

    Attributes:
      flops: a second, bfloat16.
      memory: bytes a second to and from HBM.
      links: bytes a second out of a chip, over all of its links together.
      torus: {chips: sides of the slice}.
    """

    flops: float
    memory: float
    links: float
    torus: dict[int, tuple[int, ...]]


# https://cloud.google.com/tpu/docs/v5p, https://cloud.google.com/tpu/docs/v5e (both directions of
# the links together are 1,200 and 400 GB/s there)
CHIPS = {
    "v5p": Chip(
        459e12,
        2765e9,
        600e9,
        {1: (1,), 8: (2, 2, 2), 64: (4,) * 3, 512: (8,) * 3, 1024: (8, 8, 16)},
    ),
    "v5e": Chip(197e12, 819e9, 200e9, {1: (1,), 8: (2, 4), 64: (8, 8), 256: (16, 16)}),
}
HOP = 1e-6  # seconds, an assumption


def predict(row: dict[str, Any], chips: int, chip: Chip) -> dict[str, float]:
    """Times of a step, in milliseconds, on `chips` chips with the row's images on each.

    All chips take part in every collective: with FSDP each holds 1 / chips of what is divided.
    """
    share = (chips - 1) / chips
    factor = {"all-reduce": 2 * share, "reduce-scatter": chips - 1}
    sent = operations = 0.0
    for kind, found in row["collectives"].items():
        size, group = found["bytes"], max(found["devices"])
        if kind == "reduce-scatter":  # what one chip is left with, of what it had
            size = size * group / chips
        sent += size * factor.get(kind, share)
        operations += found["operations"] * (2 if kind == "all-reduce" else 1)
    hops = sum(side // 2 for side in chip.torus[chips] if side > 1)
    compute = max(row["flops"] / chip.flops, row["bytes_accessed"] / chip.memory)
    exchange = sent / chip.links + operations * hops * HOP if chips > 1 else 0.0
    return {
        "compute": 1e3 * compute,
        "sent": sent,
        "exchange": 1e3 * exchange,
        "one after the other": compute / (compute + exchange),
        "at the same time": compute / max(compute, exchange),
    }


def print_predictions(path: Path) -> None:
    """A Markdown table for each layout of a file that `measure` wrote."""
    for line in path.read_text().splitlines():
        row = json.loads(line)
        chip = CHIPS[row["topology"].partition(":")[0]]
        layout = "copies" if row["fsdp"] == 1 else "FSDP"
        print(f"\n{layout}, {row['images']} images a chip ({row['topology']})\n")
        print("| chips | batch | sent a chip | compute ms | exchange ms | efficiency |")
        print("|---|---|---|---|---|---|")
        for chips in chip.torus:
            found = predict(row, chips, chip)
            print(
                f"| {chips:,} | {chips * row['images']:,} | {found['sent'] / 1e6:,.0f} MB "
                f"| {found['compute']:.1f} | {found['exchange']:.2f} "
                f"| {found['one after the other']:.1%} to {found['at the same time']:.1%} |"
            )


def main() -> None:
    """Writes one line of JSON for each layout, or prints what they predict."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="configs/imagenet/caformer.py:b36")
    parser.add_argument("--topology", default="v5p:2x2x4")
    parser.add_argument("--images", default="32", help="a chip; several with commas")
    parser.add_argument("--fsdp", default="1,16", help="numbers of chips that share a parameter")
    parser.add_argument("--out", type=Path, default=Path("scaling.jsonl"))
    parser.add_argument("--predict", type=Path, metavar="FILE", help="of an earlier run")
    parser.add_argument("--by-depth", action="store_true", help="from networks of few blocks")
    args, overrides = parser.parse_known_args()
    if args.predict is not None:
        print_predictions(args.predict)
        return
    kind, _, count = args.topology.partition(":")
    if kind == "cpu":
        pretend_devices(int(count))
    devices = jax.devices() if kind == "cpu" else list(imagine_topology(args.topology))
    for images in map(int, args.images.split(",")):
        for fsdp in map(int, args.fsdp.split(",")):
            config = load(args.config, overrides, RunConfig)
            if args.by_depth:
                depths = models.default_fields(config.model.name)["depths"]

                def make(depths: tuple[int, ...]) -> Any:
                    few = f"--config.model.depths={depths}".replace(" ", "")
                    return load(args.config, [*overrides, few], RunConfig)

                row = measure_by_depth(make, depths, devices, images, fsdp)
            else:
                row = measure(config, devices, images, fsdp)
            row = {"topology": args.topology} | row
            with args.out.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
