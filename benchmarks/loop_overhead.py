"""What the loop costs beside the compiled step: milliseconds a step, and a run with checkpoints.

    python benchmarks/loop_overhead.py

Two comparisons, each in alternation in one process:

* the loop (data, metrics, guard, display, rows) against the bare compiled step fed with one batch;
* the quickstart with a checkpoint every 50 steps against the quickstart without.
"""

import statistics
import tempfile
import time
from pathlib import Path

import jax

import effjax
from effjax.config import load
from effjax.report import choose_display
from effjax.runs.schema import RunConfig
from effjax.startup import tune_malloc, use_compilation_cache
from effjax.tasks.run import build

STEPS, SAVED_STEPS, ROUNDS = 200, 150, 5


def tiny_config() -> object:
    """A network whose step takes a few milliseconds, so that the loop's share is seen."""
    config = effjax.default_config()
    config.total_steps = float(STEPS)
    config.data.update(name="digits", image_size=8, batch_size=32, cache="memory")
    config.data.augment.update(crop="none", hflip=0.0)
    config.model.update(
        name="poolformer_s12",
        depths=(1, 1),
        dims=(16, 16),
        mixers=("identity", "identity"),
        kernel_sizes=(3, 3),
        patch_kernels=(3, 3),
        patch_strides=(2, 2),
        patch_pads=(1, 1),
        layer_scale=(None, None),
        residual_scale=(None, None),
        remat=(False, False),
    )
    config.optim.default.name = "adamw"
    config.log.update(tensorboard=False, curves=False)
    return config


def time_bare_step() -> float:
    """Seconds of STEPS compiled steps on one batch that is on the device already."""
    setup = build(tiny_config())
    state = setup.runner.place(setup.fresh())
    with setup.source.batches() as batches:
        batch = setup.runner.send(next(batches))
    step = setup.runner.compile(lambda state, batch: setup.step(state, batch, ()))
    step = step.lower(state, batch).compile()
    for _ in range(5):
        state, metrics = step(state, batch)
    jax.block_until_ready(state)
    since = time.perf_counter()
    for _ in range(STEPS):
        state, metrics = step(state, batch)
    jax.block_until_ready((state, metrics))
    return time.perf_counter() - since


def time_loop() -> float:
    """Seconds of STEPS steps of the loop, from its first row to its last."""
    from effjax.runs.metrics import read_rows

    with tempfile.TemporaryDirectory() as folder:
        effjax.train(tiny_config(), Path(folder) / "run", display=choose_display(True))
        rows = [row for row in read_rows(Path(folder) / "run") if "perf/step_ms" in row]
    # the first row holds the start of the data pipeline
    return STEPS * statistics.median(row["perf/step_ms"] for row in rows[1:]) / 1e3


def time_quickstart(every_steps: float | None) -> float:
    """Seconds of `SAVED_STEPS` steps of the quickstart after compilation, saving included."""
    config = load("configs/quickstart.py:quick", [], RunConfig)
    config.total_steps = float(SAVED_STEPS)
    config.evals.val.every_epochs = config.checkpoint.every_epochs = None
    config.checkpoint.every_steps = every_steps
    config.log.update(tensorboard=False, curves=False)
    with tempfile.TemporaryDirectory() as folder:
        summary = effjax.train(config, Path(folder) / "run", display=choose_display(True))
    return summary["wall_seconds"] - summary["final"]["perf/compile_sec"]


def main() -> None:
    """Prints both tables."""
    bare, loop, plain, saving = [], [], [], []
    time_quickstart(None)  # compiles what the others take from the cache
    for _ in range(ROUNDS):
        bare.append(time_bare_step())
        loop.append(time_loop())
        plain.append(time_quickstart(None))
        saving.append(time_quickstart(50.0))
    overhead = [1e3 * (b - a) / STEPS for a, b in zip(bare, loop)]
    print(f"compiled step      {1e3 * statistics.median(bare) / STEPS:7.3f} ms")
    print(f"step in the loop   {1e3 * statistics.median(loop) / STEPS:7.3f} ms")
    print(
        f"overhead           {statistics.median(overhead):7.3f} ms a step "
        f"({min(overhead):.3f} to {max(overhead):.3f}, {ROUNDS} rounds)"
    )
    ratios = [b / a for a, b in zip(plain, saving)]
    print(
        f"checkpoint every 50 steps / none   {statistics.median(ratios):.3f} "
        f"({min(ratios):.3f} to {max(ratios):.3f})"
    )


if __name__ == "__main__":
    tune_malloc()
    use_compilation_cache()
    main()
