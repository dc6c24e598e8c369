"""The CIFAR-10 speed run: augmentation, training and evaluation as one compiled program.

    python -m benchmarks.cifar10_speedrun --config=configs/speedrun/cifar10_94.py[:sgd] \
        [--config.seeds=5] [--config.curve=False]

All images are on the device; the program draws the order, the shifts and the flips, scans over all
updates, and returns the losses and the accuracies. The host does nothing meanwhile. Printed are
test accuracies after each epoch, that of six views at the end, and seconds without compiling: with
`curve=False` those of training, the stem's kernel and the last evaluation, as airbench counts them.

On a CPU give --config.one_program=False --config.dtype=float32: the same updates are then sent one
by one, since XLA's convolutions on a CPU are fifteen times slower inside a loop.
"""

import argparse
import math
import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.airbench_run import Data, Rules, Run
from effjax.config import load
from effjax.data import DataConfig, open_split
from effjax.startup import tune_malloc


def read(rules: Rules) -> Data:
    """The images of `rules.data`, as arrays."""
    parts = []
    for split, count in (("train", rules.examples), ("test", rules.test_examples)):
        config = DataConfig(name=rules.data, image_size=32, cache="memory")
        opened = open_split(config, split, seed=0, batch_size=500, train=False, draw=count)
        views = opened.stream.views
        rows = np.arange(opened.num_examples)
        parts += [views.whole()[0], views.labelled(rows)[0]]
    return Data(*map(jnp.asarray, parts))


def report(rules: Rules, data: Data) -> None:
    """Trains `rules.seeds` times, and prints what comes of it."""
    run = Run(rules, len(data.labels))
    train = run.one_by_one
    print(f"{jax.devices()[0]}, {jax.__version__=}")
    if rules.one_program:
        since = time.perf_counter()
        train = jax.jit(run.one_program).lower(jax.random.key(0), data).compile()
        print(f"compiled in {time.perf_counter() - since:.1f} s")
    finals = []
    for seed in range(rules.seeds):
        since = time.perf_counter()
        result = jax.block_until_ready(train(jax.random.key(seed), data))
        seconds = time.perf_counter() - since
        finals.append(float(result.final))
        curve = [f"{x:.2%}" for x in result.accuracies.tolist() if not math.isnan(x)]
        every = max(1, len(result.losses) // 12)
        losses = [f"{x:.3f}" for x in result.losses[::every].tolist()]
        views = "six views" if rules.views else "one view"
        print(f"seed {seed}: {len(result.losses)} updates in {seconds:.2f} s")
        print(f"  loss of every update no. {every} n: {', '.join(losses)}")
        print(f"  test after each epoch: {', '.join(curve) or 'not measured'}")
        print(f"  test at the end, {views}: {finals[-1]:.2%}", flush=True)
    spread = f", standard deviation {statistics.stdev(finals):.2%}" if len(finals) > 1 else ""
    print(
        f"mean of {len(finals)}: {statistics.mean(finals):.2%}{spread}; target {rules.target:.1%}"
    )


def main() -> None:
    tune_malloc()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="configs/speedrun/cifar10_94.py")
    arguments, overrides = parser.parse_known_args()
    config = load(arguments.config, overrides, Rules)
    rules = Rules(**config)
    report(rules, read(rules))


if __name__ == "__main__":
    main()
