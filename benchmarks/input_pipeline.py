"""Images per second from files to uint8 batches: random resized crop, flip, and RandAugment.

    python benchmarks/input_pipeline.py SRC [SRC ...] [--size=224] [--batches=60] [--workers=0,1,2]
        [--torch-python=PYTHON] [--tf-python=PYTHON] [--no-paced]

SRC is what `data.name` may say: a folder or zip of class folders, a prepared directory. Rates are
per second of CPU time over all processes, which depends little on what else the machine does, and
per second of the clock; starting up is taken off by a short reading. For folders, torch's
DataLoader and tf.data do the same (benchmarks/input_rivals.py), each with the interpreter of an
environment that has it.

Last, a consumer that takes 90 % of the rate that the loader reached: which share of its time does
it wait for batches?
"""

import argparse
import json
import os
import pathlib
import resource
import subprocess
import time
from collections.abc import Callable, Iterator

import numpy as np

from effjax.data import AugmentConfig, DataConfig, open_split
from effjax.data.sources.catalog import is_prepared

BATCH = 32
WARM = 4  # batches that only start everything
PACE = 0.9  # of the loader's rate
PIPELINES = {"crop, flip": None, "crop, flip, RandAugment": "rand-m9-mstd0.5-inc1"}
RIVALS = pathlib.Path(__file__).with_name("input_rivals.py")
LINE = "| {:20} | {:14} | {:23} | {:>7} | {:>9} | {:>6} |"
Open = Callable[[], Iterator]


def rates(open_batches: Open, batches: int) -> tuple[float, float]:
    """Images per CPU second and per clock second."""
    cost(open_batches, WARM)  # imports, and the page cache
    short, long = cost(open_batches, WARM), cost(open_batches, WARM + batches)
    cpu, clock = long - short
    return batches * BATCH / cpu, batches * BATCH / clock


def cost(open_batches: Open, batches: int) -> np.ndarray:
    """[CPU seconds of this process and its children, clock seconds] of reading some batches."""
    before, start = cpu_seconds(), time.perf_counter()
    with open_batches() as iterator:
        for _ in range(batches):
            next(iterator)
        clock = time.perf_counter() - start
    # children count once they have ended
    return np.array([cpu_seconds() - before, clock])


def cpu_seconds() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def loader(src: str, size: int, workers: int, randaugment: str | None) -> Open:
    """The loader of effjax."""
    augment = AugmentConfig(randaugment=randaugment)
    config = DataConfig(name=src, image_size=size, workers=workers, augment=augment)
    return open_split(config, "train", seed=0, batch_size=BATCH, train=True).batches


def rival(python: str, library: str, src: str, size: int, workers: int, batches: int) -> list[str]:
    """The two rates of another library in its own environment, as text."""
    arguments = (library, src, size, workers, BATCH, WARM, batches)
    words = [python, str(RIVALS), *map(str, arguments)]
    told = subprocess.run(words, capture_output=True, text=True)
    if told.returncode:
        return ["failed", told.stderr.strip().splitlines()[-1][:40]]
    found = json.loads(told.stdout.strip().splitlines()[-1])
    return [f"{found['per_cpu']:.0f}", f"{found['per_clock']:.0f}"]


def waiting(open_batches: Open, per_second: float, batches: int) -> float:
    """The share of its time that a consumer waits who takes `per_second` images a second."""
    waited = 0.0
    with open_batches() as iterator:
        for _ in range(WARM):
            next(iterator)
        start = due = time.perf_counter()
        for _ in range(batches):
            since = time.perf_counter()
            next(iterator)
            waited += time.perf_counter() - since
            # what a step takes, and no longer: time lost in waiting is lost
            due = max(due, time.perf_counter() - BATCH / per_second) + BATCH / per_second
            time.sleep(max(0.0, due - time.perf_counter()))
        return waited / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("src", nargs="+")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batches", type=int, default=60)
    parser.add_argument("--workers", default="0,1,2")
    parser.add_argument("--torch-python", help="an interpreter with torch and Pillow")
    parser.add_argument("--tf-python", help="an interpreter with tensorflow")
    parser.add_argument("--paced", action=argparse.BooleanOptionalAction, default=True)
    args = parser.parse_args()
    others = {"torch, Pillow": args.torch_python, "tf.data": args.tf_python}
    others = {library: python for library, python in others.items() if python}
    print(LINE.format("images", "library", "pipeline", "workers", "per CPU s", "per s"))
    print(LINE.format(*["---"] * 6))
    for src in args.src:
        name = os.path.basename(os.path.normpath(src))
        reached = {}
        for workers in map(int, args.workers.split(",")):
            for pipeline, words in PIPELINES.items():
                found = rates(loader(src, args.size, workers, words), args.batches)
                reached[workers, pipeline] = found[1]
                shown = [f"{rate:.0f}" for rate in found]
                print(LINE.format(name, "effjax", pipeline, workers, *shown), flush=True)
            if os.path.isdir(src) and not is_prepared(src):
                for library, python in others.items():
                    shown = rival(python, library, src, args.size, workers, args.batches)
                    print(LINE.format(name, library, "crop, flip", workers, *shown), flush=True)
        if args.paced:
            workers, pipeline = max(reached)[0], next(iter(PIPELINES))
            pace = PACE * reached[workers, pipeline]
            share = waiting(loader(src, args.size, workers, None), pace, args.batches)
            print(f"{name}: {pace:.0f} images/s taken of {workers} workers: {share:.1%} waiting")


if __name__ == "__main__":
    main()
