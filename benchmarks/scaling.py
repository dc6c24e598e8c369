"""What a training step costs a TPU chip, in bytes and FLOPs: compiled for chips that are not here.

    pip install libtpu; python benchmarks/scaling.py --config=configs/imagenet/caformer.py:b36 \\
        --topology=v5e:4x4 --images=32 --fsdp=1,16

The step is compiled by TPU's own XLA for a slice of that shape (nothing is run), once for each
number of chips that share a parameter. Printed are what XLA says of memory, FLOPs and bytes, and
the collectives in the optimised HLO; docs/scaling.md computes times from them.
"""

import argparse
import json
import time
from typing import Any

import jax

from effjax.config import load
from effjax.inspect.collectives import collectives
from effjax.inspect.memory import imagine_topology
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


def main() -> None:
    """Prints one line of JSON for each layout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="configs/imagenet/caformer.py:b36")
    parser.add_argument("--topology", default="v5e:4x4")
    parser.add_argument("--images", type=int, default=32, help="a chip")
    parser.add_argument("--fsdp", default="1,16", help="numbers of chips that share a parameter")
    args, overrides = parser.parse_known_args()
    devices = list(imagine_topology(args.topology))
    for fsdp in map(int, args.fsdp.split(",")):
        config = load(args.config, overrides, RunConfig)
        found = {"topology": args.topology} | measure(config, devices, args.images, fsdp)
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
