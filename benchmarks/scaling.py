"""What a training step costs a TPU chip, in bytes and FLOPs: compiled for chips that are not here.

    pip install libtpu==0.0.42.1
    python benchmarks/scaling.py --topology=v5p:2x2x4 --images=32,4 --fsdp=1,16 --out=b36.jsonl
    python benchmarks/scaling.py --topology=cpu:8 --images=2 --fsdp=1,8 --config.data.image_size=64
    python benchmarks/scaling.py --predict=b36.jsonl --chip=v5p --images=32

The first compiles the step with TPU's own XLA for a slice of that shape (nothing is run) and writes
what XLA says of memory, FLOPs and bytes, and the collectives in the optimised HLO. The second asks
XLA for CPUs, with as many made up; bytes of collectives are those of parameters, whatever the
images. The third computes times for more chips from either and published speeds: docs/scaling.md.
"""

import argparse
import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import jax

from effjax import models
from effjax.config import load
from effjax.devices.layout import LARGEST, shard_axis
from effjax.inspect.collectives import collectives
from effjax.inspect.memory import imagine_topology, pretend_devices
from effjax.runs.schema import RunConfig
from effjax.tasks.run import build
from effjax.training.programs import bytes_a_device, lower
from effjax.training.setup import Setup


def synthetic_setup(config: Any, devices: list[jax.Device], images: int, fsdp: int) -> Setup:
    """The step of a config in bfloat16, with so many made-up images a chip."""
    config.data.update(name="synthetic", synthetic_classes=1000, cache=None)
    config.data.batch_size = config.data.synthetic_examples = images * len(devices)
    config.parallel.fsdp = fsdp
    config.model.dtype = "bfloat16"
    return build(config, devices)


def measure(config: Any, devices: list[jax.Device], images: int, fsdp: int) -> dict[str, Any]:
    """Compiles one layout and returns what is to be known of it, a chip."""
    setup = synthetic_setup(config, devices, images, fsdp)
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
    params = jax.tree.leaves(setup.abstract.params)
    divided = {
        chips: sum(
            leaf.size
            for leaf in params
            if shard_axis(leaf.shape, LARGEST, chips, config.parallel.shard_least) is not None
        )
        for chips in sorted({fsdp}.union(*(chip.torus for chip in CHIPS.values())))
    }
    network = models.create_model(config.model.name)
    return {
        "model": config.model.name,
        "macs": models.cost(network, (224, 224, 3)).macs,
        "elements": sum(leaf.size for leaf in params),
        "divided": divided,
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


@dataclasses.dataclass(frozen=True)
class Chip:
    """Published speeds of a chip, and of the torus that it sits in.

    Attributes:
      flops: a second, bfloat16.
      memory: bytes a second to and from HBM.
      links: bytes a second out of a chip, over all of its links together.
      flops_a_cycle: of its matrix units.
      torus: {chips: sides of the slice}.
    """

    flops: float
    memory: float
    links: float
    flops_a_cycle: int
    torus: dict[int, tuple[int, ...]]


# https://cloud.google.com/tpu/docs/v5p, https://cloud.google.com/tpu/docs/v5e (both directions of
# the links together are 1,200 and 400 GB/s there)
CHIPS = {
    "v5p": Chip(
        459e12,
        2765e9,
        600e9,
        8 * 2 * 128**2,
        {1: (1,), 8: (2, 2, 2), 64: (4,) * 3, 512: (8,) * 3, 1024: (8, 8, 16)},
    ),
    "v5e": Chip(
        197e12, 819e9, 200e9, 4 * 2 * 128**2, {1: (1,), 8: (2, 4), 64: (8, 8), 256: (16, 16)}
    ),
}
HOP = 1e-6  # seconds, an assumption


def traffic(row: dict[str, Any], chips: int) -> tuple[float, float]:
    """(bytes that a chip sends in a step, collective operations) with so many chips.

    As in the compiled step, every divided parameter is gathered once, its gradient goes to its
    owners, other gradients to all. All chips share what can be divided in so many. XLA for CPUs
    reduces to all where XLA for TPUs reduces to owners: the latter is what is counted.
    """
    found, share = row["collectives"], (chips - 1) / chips
    reduced = sum(
        found[kind]["bytes"] * (max(found[kind]["devices"]) if kind == "reduce-scatter" else 1)
        for kind in ("all-reduce", "reduce-scatter")
        if kind in found
    )
    operations = sum(kind["operations"] for kind in found.values())
    if row["fsdp"] == 1:
        return 2 * share * reduced, operations
    divided = row["divided"][str(chips)] / row["elements"]
    gathered = found["all-gather"]["bytes"] / row["divided"][str(row["fsdp"])] * row["elements"]
    return share * (gathered * divided + reduced * (2 - divided)), operations


def predict(row: dict[str, Any], chips: int, chip: Chip, images: int) -> dict[str, float]:
    """Times of a step, in milliseconds, on so many chips with so many images on each.

    Computing takes six FLOPs for a multiply-add of the forward pass, at the chip's published rate:
    it takes longer in truth, and what is exchanged is then a smaller part.
    """
    sent, operations = traffic(row, chips)
    hops = sum(side // 2 for side in chip.torus[chips] if side > 1)
    compute = 6 * row["macs"] * images / chip.flops
    exchange = sent / chip.links + operations * hops * HOP
    return {
        "compute": 1e3 * compute,
        "sent": sent,
        "exchange": 1e3 * exchange,
        "one after the other": compute / (compute + exchange),
        "at the same time": compute / max(compute, exchange),
    }


def print_predictions(path: Path, chip: Chip, images: int) -> None:
    """A Markdown table for each layout of a file that `measure` wrote."""
    for line in path.read_text().splitlines():
        row = json.loads(line)
        layout = "copies" if row["fsdp"] == 1 else "FSDP"
        print(f"\n{row['model']}, {layout}, {images} images a chip (HLO of {row['topology']})\n")
        print("| chips | batch | sent a chip | compute ms | exchange ms | step ms | efficiency |")
        print("|---|---|---|---|---|---|---|")
        for chips in chip.torus:
            found = predict(row, chips, chip, images)
            compute, exchange = found["compute"], found["exchange"]
            print(
                f"| {chips:,} | {chips * images:,} | {found['sent'] / 1e6:,.0f} MB "
                f"| {compute:.1f} | {exchange:.2f} "
                f"| {max(compute, exchange):.1f} to {compute + exchange:.1f} "
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
    parser.add_argument("--chip", default="v5p", choices=CHIPS, help="to predict for")
    args, overrides = parser.parse_known_args()
    if args.predict is not None:
        print_predictions(args.predict, CHIPS[args.chip], int(args.images))
        return
    kind, _, count = args.topology.partition(":")
    if kind == "cpu":
        pretend_devices(int(count))
    devices = jax.devices() if kind == "cpu" else list(imagine_topology(args.topology))
    for images in map(int, args.images.split(",")):
        for fsdp in map(int, args.fsdp.split(",")):
            config = load(args.config, overrides, RunConfig)
            row = {"topology": args.topology} | measure(config, devices, images, fsdp)
            with args.out.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
