"""Training steps of several models in turns, as rows that `effjax claims` reads.

    python benchmarks/step_turns.py inception_next_tiny convnext_tiny --runs=runs/turns

A turn takes one step of each model: forward, backward and AdamW, on noise. Its seconds stand in
FOLDER/runs.csv, with the turn in place of a seed, so that whatever else the machine does in a turn
meets all of them. `train_step.py` compares with PyTorch; this compares our models with each other.
"""

import argparse
from pathlib import Path

import jax
from alternate import alternate
from train_step import jax_call

from effjax.trials.paired import Result
from effjax.trials.runs_table import write_runs
from effjax.trials.trial import Trial

LONG = 3600.0  # seconds after which turns end early


def main() -> None:
    """Times the models that are named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="+")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--runs", type=Path, required=True)
    args = parser.parse_args()
    dtype = "float32" if jax.default_backend() == "cpu" else "bfloat16"
    calls = {}
    for name in args.models:
        calls[name], _ = jax_call(name, "step", args.batch, args.size, dtype)
    # of two steps the second counts: the first takes back the memory that the other model had
    timings = alternate(calls, rounds=args.turns, seconds=LONG, before=1)
    results = []
    for name, timing in timings.items():
        images = args.batch / timing.median
        print(f"{name}: {timing.median:.3f} s a step, {images:.1f} images/s")
        for turn, seconds in enumerate(timing.seconds):
            results.append(Result(Trial(variant=name, seed=turn), seconds))
    args.runs.mkdir(parents=True, exist_ok=True)
    write_runs(args.runs, "seconds", results)


if __name__ == "__main__":
    main()
