"""Time and traffic of one optimizer update, against what the memory allows.

    python benchmarks/optim_update.py [--methods adan,adamw_win2] [--rounds 20]

One jitted update with donated parameters and state, on a tree with the shapes of a CAFormer-S18
(26 million float32 values). Columns:

    ms       fastest round
    floor    arrays that a perfect update reads and writes once (gradient included)
    best     fastest round over the fastest time that the floor could take
    paired   median over rounds of the time over that round's own floor: load on the machine cancels
    copies   whole-array copies in the compiled program
    state    bytes of the state, in arrays of parameter size

The bandwidth is that of an in-place axpy on the same tree (three arrays moved). It runs with
malloc as the command line of effjax sets it, without which page faults are measured.
"""

import argparse
import os
import re
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax import optim
from effjax.startup import tune_malloc

# Arrays of parameter size read plus written by a perfect update, gradient read included; the rules
# with a norm in front (lamb, clipping) read once more.
FLOORS = {
    "sgd": 3,
    "lion": 5,
    "adamw": 7,
    "schedule_free_adamw": 7,
    "adan": 11,
    "sgd_win": 7,
    "sgd_win2": 9,
    "adam_win": 9,
    "adamw_win": 9,
    "adamw_win2": 11,
    "lamb": 11,
    "lamb_win2": 15,
    "adan_win": 13,
    "lookahead": 7.4,
    "slrla": 8.4,
}
SETTINGS = {"lookahead": {"inner": "adam"}, "slrla": {"inner": "adam"}}
SHARED = {"weight_decay": 0.05}


def caformer_s18_shapes() -> list[tuple[int, ...]]:
    """Shapes of the parameters: separable convolutions in two stages, attention in two."""
    shapes = [(7, 7, 3, 64), (64,)]
    for depth, c in zip((3, 3, 9, 3), (64, 128, 320, 512)):
        convolution = [(c,), (c, 2 * c), (1,), (1,), (7, 7, 1, 2 * c), (2 * c, c)]
        attention = [(c,), (c, 3 * c), (c, c)]
        mixer = convolution if c < 320 else [*attention, (c,), (c,)]
        shapes += depth * [*mixer, (c,), (c, 4 * c), (1,), (1,), (4 * c, c)]
    for c, c_next in ((64, 128), (128, 320), (320, 512)):
        shapes += [(c,), (3, 3, c, c_next), (c_next,)]
    return [*shapes, (512,), (512, 2048), (2048,), (1,), (2048, 1000), (1000,)]


def tree(seed: int) -> dict[str, jax.Array]:
    rng = np.random.default_rng(seed)
    shapes = caformer_s18_shapes()
    return {f"{i:03d}": jnp.asarray(rng.random(s), jnp.float32) for i, s in enumerate(shapes)}


def seconds(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    jax.block_until_ready(run())
    return time.perf_counter() - start


class Axpy:
    """x <- x + a y over the tree, in place: the yardstick."""

    def __init__(self) -> None:
        self.x, self.y = tree(0), tree(1)
        add = lambda x, y: jax.tree.map(lambda a, b: a + 0.5 * b, x, y)  # noqa: E731
        self.step = jax.jit(add, donate_argnums=0)
        self()

    def __call__(self) -> Any:
        self.x = self.step(self.x, self.y)
        return self.x


class Update:
    """One donated update of a jax optimizer."""

    def __init__(self, tx: optax.GradientTransformation) -> None:
        self.params, self.grads = tree(2), tree(3)
        self.state = tx.init(self.params)

        def step(params: Any, state: Any, grads: Any) -> tuple[Any, Any]:
            updates, state = tx.update(grads, state, params)
            return optax.apply_updates(params, updates), state

        arguments = (self.params, self.state, self.grads)
        self.step = jax.jit(step, donate_argnums=(0, 1)).lower(*arguments).compile()
        shape = r"f32\[[0-9,]+\]\{[0-9,]*\} copy\("
        self.copies = len(re.findall(shape, self.step.as_text()))
        self.state_bytes = sum(leaf.nbytes for leaf in jax.tree.leaves(self.state))

    def __call__(self) -> Any:
        self.params, self.state = self.step(self.params, self.state, self.grads)
        return self.params, self.state


class TorchAdamW:
    """torch.optim.AdamW on the same shapes, where torch is installed."""

    copies = 0

    def __init__(self, fused: bool) -> None:
        import torch

        torch.set_num_threads(os.cpu_count() or 1)
        params = [torch.nn.Parameter(torch.rand(s)) for s in caformer_s18_shapes()]
        for p in params:
            p.grad = torch.rand_like(p)
        self.optimizer = torch.optim.AdamW(params, fused=fused, foreach=not fused)
        self.state_bytes = 2 * sum(p.numel() * 4 for p in params)

    def __call__(self) -> None:
        self.optimizer.step()


def measure(name: str, update: Any, floor: float, axpy: Axpy, rounds: int) -> None:
    size = sum(x.nbytes for x in jax.tree.leaves(axpy.x))
    update()
    pairs = [(seconds(axpy) * floor / 3, seconds(update)) for _ in range(rounds)]
    floors, times = (np.array(column) for column in zip(*pairs))
    print(
        f"| {name} | {times.min() * 1e3:.1f} | {floor:g} | {times.min() / floors.min():.2f} "
        f"| {np.median(times / floors):.2f} | {update.copies} | {update.state_bytes / size:.1f} |",
        flush=True,
    )


def main() -> None:
    tune_malloc()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", default=",".join(FLOORS))
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()

    axpy = Axpy()
    size = sum(x.nbytes for x in jax.tree.leaves(axpy.x))
    fastest = min(seconds(axpy) for _ in range(arguments.rounds))
    print(f"{size / 4e6:.1f} million values in {len(axpy.x)} arrays on {jax.devices()[0]};")
    print(f"axpy {3 * size / fastest / 1e9:.1f} GB/s, {jax.__version__=}, {optax.__version__=}\n")
    print("| update | ms | floor | best | paired | copies | state |\n|---|---|---|---|---|---|---|")
    adamw = optax.adamw(1e-3, weight_decay=0.05)
    measure("optax.adamw, as it is", Update(adamw), 7, axpy, arguments.rounds)
    if "adan" in arguments.methods:
        adan = optax.adan(1e-3, weight_decay=0.05)
        measure("optax.adan, as it is", Update(adan), 11, axpy, arguments.rounds)
    for name in arguments.methods.split(","):
        tx = optim.create(name, 1e-3, **SHARED, **SETTINGS.get(name, {}))
        measure(name, Update(tx), FLOORS[name], axpy, arguments.rounds)
    try:
        measure("torch AdamW fused", TorchAdamW(fused=True), 7, axpy, arguments.rounds)
    except ImportError:
        print("\ntorch is not installed: no torch rows")


if __name__ == "__main__":
    main()
