"""Images per second from files to uint8 batches: random resized crop, flip, and RandAugment.

    python benchmarks/data.py SRC [SRC ...] [--size=224] [--batches=60] [--workers=0,2]

SRC is what `data.name` may say: a folder or zip of class folders, a prepared directory. Rates are
per second of CPU time over all processes, which depends little on what else the machine does, and
per second of the clock. Where torch is installed, its DataLoader with Pillow reads folders too.
"""

import argparse
import importlib.util
import os
import resource
import time
from collections.abc import Callable, Iterator

import numpy as np

from effjax.data import AugmentConfig, DataConfig, open_split
from effjax.data.augment import random_box
from effjax.data.catalog import is_prepared

BATCH = 32
WARM = 4  # batches that only start everything
PIPELINES = {"crop, flip": None, "crop, flip, RandAugment": "rand-m9-mstd0.5-inc1"}
LINE = "| {:14} | {:7} | {:23} | {:>7} | {:>9} | {:>6} |"
Open = Callable[[], Iterator]


def rates(open_batches: Open, batches: int) -> tuple[float, float]:
    """Images per CPU second and per clock second; starting up is taken off by a short reading."""
    short, long = cost(open_batches, WARM), cost(open_batches, WARM + batches)
    cpu, clock = long - short
    return batches * BATCH / cpu, batches * BATCH / clock


def cost(open_batches: Open, batches: int) -> np.ndarray:
    """[CPU seconds of this process and its children, clock seconds] of reading some batches."""
    before, start = cpu_seconds(), time.perf_counter()
    iterator = open_batches()
    for _ in range(batches):
        next(iterator)
    clock = time.perf_counter() - start
    if hasattr(iterator, "close"):
        iterator.close()  # children count once they have ended
    del iterator
    return np.array([cpu_seconds() - before, clock])


def cpu_seconds() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def effjax_loader(src: str, size: int, workers: int, randaugment: str | None) -> Open:
    """The loader of effjax."""
    augment = AugmentConfig(randaugment=randaugment)
    config = DataConfig(name=src, image_size=size, workers=workers, augment=augment)
    return open_split(config, "train", seed=0, batch_size=BATCH, train=True).batches


def torch_loader(src: str, size: int, workers: int) -> Open:
    """What most PyTorch code does: Pillow in a map-style data set, shuffled, over and over."""
    from PIL import Image
    from torch.utils.data import DataLoader, RandomSampler

    names = [os.path.join(top, name) for top, _, names in os.walk(src) for name in names]

    class Photos:
        def __len__(self) -> int:
            return len(names)

        def __getitem__(self, row: int) -> np.ndarray:
            rng = np.random.default_rng()
            image = Image.open(names[row]).convert("RGB")
            top, left, h, w = random_box(rng, image.size[::-1], (0.08, 1.0), (3 / 4, 4 / 3))
            box = (left, top, left + w, top + h)
            view = image.resize((size, size), Image.Resampling.BILINEAR, box=box)
            return np.ascontiguousarray(np.asarray(view)[:, :: rng.choice([1, -1])])

    def batches() -> Iterator:
        sampler = RandomSampler(names, replacement=True, num_samples=10**9)
        return iter(DataLoader(Photos(), BATCH, sampler=sampler, num_workers=workers))

    return batches


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("src", nargs="+")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batches", type=int, default=60)
    parser.add_argument("--workers", default="0,2")
    args = parser.parse_args()
    header = ("images", "library", "pipeline", "workers", "per CPU s", "per s")
    print(LINE.format(*header))
    for src in args.src:
        for workers in map(int, args.workers.split(",")):
            loaders = {
                ("effjax", pipeline): effjax_loader(src, args.size, workers, words)
                for pipeline, words in PIPELINES.items()
            }
            if importlib.util.find_spec("torch") and os.path.isdir(src) and not is_prepared(src):
                loaders["torch", "crop, flip"] = torch_loader(src, args.size, workers)
            for names, loader in loaders.items():
                found = [f"{rate:.0f}" for rate in rates(loader, args.batches)]
                print(LINE.format(os.path.basename(src), *names, workers, *found), flush=True)


if __name__ == "__main__":
    main()
