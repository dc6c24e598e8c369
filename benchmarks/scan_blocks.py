"""What scanning over equal blocks does to compile time and speed of a training step.

    python benchmarks/scan_blocks.py [--model=caformer_b36] [--size=64] [--batch=4] [--steps=5]

Gradient of the mean loss and an AdamW update, blocks unrolled and scanned, in alternation.
"""

import argparse
import statistics
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import effjax

ROUNDS = 3


def make_step(model: Any, tx: optax.GradientTransformation) -> Any:
    """step(params, opt_state, images, labels, key) -> (params, opt_state)."""

    def step(params: Any, opt_state: Any, images: Any, labels: Any, key: Any) -> tuple[Any, Any]:
        def loss(params: Any) -> jax.Array:
            logits = model.apply({"params": params}, images, train=True, rngs={"dropout": key})
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

        updates, opt_state = tx.update(jax.grad(loss)(params), opt_state, params)
        return optax.apply_updates(params, updates), opt_state

    return jax.jit(step, donate_argnums=(0, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="caformer_b36")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--steps", type=int, default=5)
    args = parser.parse_args()
    jax.config.update("jax_enable_compilation_cache", False)
    rng = np.random.default_rng(0)
    images = rng.standard_normal((args.batch, args.size, args.size, 3)).astype(np.float32)
    labels, key = np.arange(args.batch, dtype=np.int32), jax.random.key(0)
    tx = optax.adamw(1e-4)
    programs, compile_seconds = {}, {}
    for scan in (False, True):
        model = effjax.create_model(args.model, scan=scan)
        shapes = jax.eval_shape(model.init, key, images)["params"]
        params = jax.tree.map(lambda leaf: jnp.full(leaf.shape, 0.01, leaf.dtype), shapes)
        opt_state = tx.init(params)
        since = time.perf_counter()
        lowered = make_step(model, tx).lower(params, opt_state, images, labels, key)
        traced = time.perf_counter()
        programs[scan] = lowered.compile(), params, opt_state
        compile_seconds[scan] = traced - since, time.perf_counter() - traced
    rates: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(ROUNDS):
        for scan, (program, params, opt_state) in programs.items():
            since = time.perf_counter()
            for _ in range(args.steps):
                params, opt_state = program(params, opt_state, images, labels, key)
            jax.block_until_ready(params)
            rates[scan].append(args.steps * args.batch / (time.perf_counter() - since))
            programs[scan] = program, params, opt_state
    print("| blocks | tracing s | compiling s | images/s | temporaries GB |")
    print("|---|---|---|---|---|")
    for scan, name in ((False, "unrolled"), (True, "scanned")):
        memory = programs[scan][0].memory_analysis().temp_size_in_bytes / 1e9
        trace, compiling = compile_seconds[scan]
        rate = statistics.median(rates[scan][1:])
        print(f"| {name} | {trace:.1f} | {compiling:.1f} | {rate:.2f} | {memory:.2f} |")


if __name__ == "__main__":
    main()
