"""Depthwise convolution and pooling mixer beside XLA's own forms and PyTorch (channels last).

    python benchmarks/ops.py [--kernels 3,7,21] [--reference] [--pooling]

Prints milliseconds (medians) and paired ratios with quartiles; below 1 is faster than the other.
Runs with malloc as the command line of effjax sets it, and with calls into oneDNN, as long runs
have them; --by-shifts compares with the path without. PyTorch is optional. Where others use the
machine: `taskset -c 0 python benchmarks/ops.py --cpu`, processor time on one core.
"""

import argparse
import os
import time
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from alternate import alternate, ratio_text
from jax import lax

from effjax.ops import (
    depthwise_conv,
    depthwise_conv_reference,
    onednn_calls,
    pool_minus_input,
)
from effjax.startup import tune_malloc

try:
    import torch
except ImportError:
    torch = None

STAGES = [(56, 64), (56, 128), (28, 128), (14, 320), (7, 512)]  # H = W, channels
BATCH = 8


def compiled(
    function: Callable[..., object], *inputs: jax.Array, calls: bool
) -> Callable[[], object]:
    with onednn_calls(calls):
        program = jax.jit(function).lower(*inputs).compile()
    return lambda: jax.block_until_ready(program(*inputs))


def jax_passes(
    op: Callable[..., jax.Array], *inputs: np.ndarray, calls: bool = True
) -> dict[str, Callable]:
    """Forward, and forward with the gradients of all inputs but the last, the cotangent."""
    *primals, g = map(jnp.asarray, inputs)

    def both(*args: jax.Array) -> object:
        *primals, g = args
        y, pull = jax.vjp(op, *primals)
        return y, pull(g)

    return {
        "forward": compiled(op, *primals, calls=calls),
        "forward+gradients": compiled(both, *primals, g, calls=calls),
    }


def torch_passes(op: Callable[..., object], *inputs: np.ndarray) -> dict[str, Callable]:
    """The same for images [B, H, W, C] and kernels [I, J, 1, C], given as NumPy arrays."""

    def tensor(array: np.ndarray, axes: tuple[int, ...]) -> object:
        layout = torch.from_numpy(array.transpose(axes).copy())
        return layout.contiguous(memory_format=torch.channels_last)

    *primals, g = (
        tensor(a, (3, 2, 0, 1) if a.shape[2] == 1 and n == 1 else (0, 3, 1, 2))
        for n, a in enumerate(inputs)
    )
    primals = [p.requires_grad_() for p in primals]

    def forward() -> None:
        with torch.no_grad():
            op(*primals)

    return {
        "forward": forward,
        "forward+gradients": lambda: torch.autograd.grad(op(*primals), primals, g),
    }


def torch_depthwise(x: object, w: object) -> object:
    pads = (w.shape[2] // 2, w.shape[3] // 2)
    return torch.nn.functional.conv2d(x, w, padding=pads, groups=x.shape[1])


def torch_pooling(x: object, size: int) -> object:
    pool = torch.nn.functional.avg_pool2d
    return pool(x, size, 1, size // 2, count_include_pad=False) - x


def plain_pooling(x: jax.Array, size: int) -> jax.Array:
    window, strides = (1, size, size, 1), (1, 1, 1, 1)
    total, count = (
        lax.reduce_window(a, 0.0, lax.add, window, strides, "SAME") for a in (x, jnp.ones_like(x))
    )
    return total / count - x


def draw(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape, np.float32) for shape in shapes]


def compare(
    title: str,
    implementations: dict[str, dict[str, Callable]],
    seconds: float,
    clock: Callable[[], float],
) -> None:
    """One line for each pass: milliseconds of all, and the ratio of `ours` to each other."""
    for name in ("forward", "forward+gradients"):
        timings = alternate(
            {who: passes[name] for who, passes in implementations.items()},
            seconds=seconds,
            clock=clock,
        )
        times = " | ".join(f"{who} {t.median * 1e3:8.2f}" for who, t in timings.items())
        ratios = " | ".join(
            f"ours/{who} {ratio_text(timings['ours'], t)}"
            for who, t in timings.items()
            if who != "ours"
        )
        print(f"| {title} | {name:17} | {times} | {ratios} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernels", default="3,5,7,9,11,15,21")
    parser.add_argument("--reference", action="store_true", help="also XLA's grouped convolution")
    parser.add_argument("--by-shifts", action="store_true", help="also without oneDNN")
    parser.add_argument("--pooling", action="store_true", help="the pooling mixer instead")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each line")
    parser.add_argument("--cpu", action="store_true", help="processor time, not the clock's")
    arguments = parser.parse_args()
    clock = time.process_time if arguments.cpu else time.perf_counter
    cores = len(os.sched_getaffinity(0))
    sizes = [int(size) for size in arguments.kernels.split(",")]
    if torch:
        torch.set_num_threads(cores)
    print(f"{jax.devices()[0].device_kind}, {cores} cores, jax {jax.__version__}, batch 8")
    for side, channels in STAGES:
        image = (BATCH, side, side, channels)
        for size in sizes:
            if arguments.pooling:
                inputs = draw(image, image)
                plain, ours = (partial(f, size=size) for f in (plain_pooling, pool_minus_input))
                torch_op = partial(torch_pooling, size=size)
            else:
                inputs = draw(image, (size, size, 1, channels), image)
                plain, ours, torch_op = depthwise_conv_reference, depthwise_conv, torch_depthwise
            implementations = {"ours": jax_passes(ours, *inputs)}
            if torch:
                implementations["torch"] = torch_passes(torch_op, *inputs)
            if arguments.by_shifts and not arguments.pooling:
                implementations["shifts"] = jax_passes(ours, *inputs, calls=False)
            if arguments.reference:
                implementations["lax"] = jax_passes(plain, *inputs)
            title = f"{side}x{side}x{channels}, {size}x{size}"
            compare(title, implementations, arguments.seconds, clock)


if __name__ == "__main__":
    tune_malloc()
    main()
