"""What XLA for TPUs expects a training step to take: cycles and HBM bytes, beside the floors.

    pip install libtpu==0.0.42.1
    python benchmarks/roofline.py --config=configs/imagenet/vit.py:small --hlo=vit.txt
    python benchmarks/roofline.py --hlo=vit.txt --against=vit_before.txt --depth=3

No TPU need be here. The first compiles the step for one chip of a slice (ten minutes of a core, or
more) and keeps its optimised HLO in a file with a file of facts beside it; where the files are
there already, they are read. The second compares two such files. Estimates are XLA's model of the
chip, not a clock: docs/scaling.md says what would test them.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from scaling import CHIPS, Chip, synthetic_setup

from effjax.config import load
from effjax.errors import UserError
from effjax.inspect.estimates import Operation, estimates, total, unpriced_copies
from effjax.inspect.memory import imagine_topology
from effjax.runs.schema import RunConfig
from effjax.training.programs import lower

IMAGES = 32
Facts = dict[str, Any]


def compile_for_tpu(config: Any, topology: str, images: int) -> tuple[str, Facts]:
    """(optimised HLO, facts) of the step of one chip, its state in copies on all."""
    devices = list(imagine_topology(topology))
    setup = synthetic_setup(config, devices, images, fsdp=1)
    compiled = lower(setup, (), setup.abstract).compile()
    facts = {
        "model": config.model.name,
        "images": images,
        "topology": topology,
        "flops": compiled.cost_analysis()["flops"],
        "temporaries": compiled.memory_analysis().temp_size_in_bytes,
    }
    return compiled.as_text(), facts


def read(path: Path) -> tuple[list[Operation], Facts]:
    """What `keep` has written, and of the facts those that the text tells."""
    facts_path = path.with_suffix(".json")
    facts = json.loads(facts_path.read_text()) if facts_path.exists() else {}
    hlo = path.read_text()
    try:
        return estimates(hlo), facts | {"unpriced": unpriced_copies(hlo)}
    except ValueError as error:
        raise UserError(f"--hlo={path}: {error}") from error


def keep(path: Path, hlo: str, facts: Facts) -> None:
    """The text, and the facts beside it as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")
    path.write_text(hlo)


# ------------------------------------------------------------------------------- the tables


def print_floors(operations: list[Operation], facts: Facts, chip: Chip) -> None:
    """Estimate, bytes and the two times that no step can fall below."""
    (cycles, moved), *_ = total(operations, lambda operation: "step").values()
    clock = chip.flops / chip.flops_a_cycle
    heading = ", ".join(str(facts[key]) for key in ("model", "topology") if key in facts)
    print(f"\n{heading or 'step'}: {facts.get('images', '?')} images a chip\n")
    print("| | Mcycles | ms |")
    print("|---|---|---|")
    copies, missing = facts["unpriced"]
    rows = {
        "XLA's estimate": cycles,
        f"with {copies} copies that it has no price for": cycles + missing,
        f"floor of HBM, {moved / 1e9:.2f} GB": moved / chip.memory * clock,
    }
    if "flops" in facts:
        label = f"floor of the matrix units, {facts['flops'] / 1e9:,.0f} GFLOP"
        rows[label] = facts["flops"] / chip.flops_a_cycle
    for label, value in rows.items():
        print(f"| {label} | {value / 1e6:.1f} | {1e3 * value / clock:.1f} |")


def print_table(
    title: str,
    operations: list[Operation],
    before: list[Operation],
    key: Callable[[Operation], str],
    rows: int,
) -> None:
    """Mcycles and GB of the groups with most cycles, those of an earlier program first."""
    now, then = total(operations, key), total(before, key)
    names = sorted(now.keys() | then.keys(), key=lambda name: -_cycles(now, then, name))
    earlier = ("Mcycles before", "GB before") if before else ()
    print("\n| " + " | ".join((title, *earlier, "Mcycles", "HBM GB")) + " |")
    print("|" + "---|" * (3 + len(earlier)))
    for name in names[:rows]:
        cells = [name or "(no name)"]
        for table in (then, now) if before else (now,):
            cycles, moved = table.get(name, (0, 0))
            cells += [f"{cycles / 1e6:.2f}", f"{moved / 1e9:.2f}"]
        print("| " + " | ".join(cells) + " |")


def _cycles(now: dict, then: dict, name: str) -> int:
    return max(table.get(name, (0, 0))[0] for table in (now, then))


def _module_in_short(operation: Operation, depth: int) -> str:
    """The first parts of a module's path, blocks of a stage together."""
    parts = re.sub(r"blocks_\d+", "blocks", operation.module).split("/")
    return "/".join(parts[:depth])


def main() -> None:
    """Compiles or reads a step, and prints it by kind, direction and module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", help="of the run; may be left out where --hlo is there")
    parser.add_argument("--hlo", type=Path, required=True, help="file of the compiled step")
    parser.add_argument("--against", type=Path, help="file of an earlier one, to compare with")
    parser.add_argument("--topology", default="v5e:2x2")
    parser.add_argument("--images", type=int, default=IMAGES, help="a chip")
    parser.add_argument("--depth", type=int, default=1, help="parts of a module's path")
    parser.add_argument("--rows", type=int, default=30, help="of the table of modules")
    args, overrides = parser.parse_known_args()
    if not args.hlo.exists():
        if args.config is None:
            raise UserError(f"--hlo={args.hlo}: no such file; give --config=FILE to compile it")
        config = load(args.config, overrides, RunConfig)
        keep(args.hlo, *compile_for_tpu(config, args.topology, args.images))
    operations, facts = read(args.hlo)
    before = read(args.against)[0] if args.against else []
    chip = CHIPS[facts.get("topology", args.topology).partition(":")[0]]
    print_floors(operations, facts, chip)
    print_table("kind", operations, before, lambda o: o.kind, 20)
    print_table("direction", operations, before, lambda o: o.direction, 20)
    by_module = partial(_module_in_short, depth=args.depth)
    print_table("module", operations, before, by_module, args.rows)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))
