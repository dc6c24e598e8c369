"""Training steps of registered models beside timm on PyTorch, in turn on the same machine.

    python benchmarks/train_step.py --models poolformer_s12,caformer_s18

For each model: images/s and compile seconds of the forward pass, forward + backward, and the full
step with AdamW; the ratio to PyTorch's modes, round by round with quartiles (above 1 is faster than
PyTorch); the share of this machine's rate in one large matrix product; peak memory of the full step
above that of the imports, each in a process of its own (on a CPU). Runs with huge pages as the
command line of effjax does, PyTorch too; EFFJAX_NO_REEXEC=1 turns them off. timm is optional.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from alternate import Timing, alternate, ratio_text

import effjax
from effjax import models, optim
from effjax.startup import use_huge_pages

PASSES = ("forward", "backward", "step")
TORCH_MODES = ("eager", "channels_last", "compiled")
CLASSES = 1000
Call = Callable[[], object]


def draw(batch: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    images = rng.standard_normal((batch, size, size, 3), np.float32)
    return images, rng.integers(0, CLASSES, batch)


def jax_call(name: str, stage: str, batch: int, size: int, dtype: str) -> tuple[Call, float]:
    """One pass of effjax's model and the seconds that its compilation took."""
    model = effjax.create_model(name, num_classes=CLASSES, dtype=dtype)
    images, labels = map(jnp.asarray, draw(batch, size))
    variables = dict(jax.jit(model.init)(jax.random.key(0), images[:1]))
    params, rest = variables.pop("params"), variables
    tx = optim.create("adamw", 1e-3, weight_decay=0.05)
    key = jax.random.key(1)

    def loss(params: object, rest: object) -> tuple[jax.Array, object]:
        logits, changed = model.apply(
            {"params": params, **rest},
            images,
            train=True,
            rngs={"dropout": key},
            mutable=[collection for collection in rest if collection != "constants"],
        )
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        return losses.mean(), {**rest, **changed}

    def forward(state: tuple) -> tuple:
        return state, loss(*state[:2])[0]

    def backward(state: tuple) -> tuple:
        return state, jax.value_and_grad(loss, has_aux=True)(*state[:2])

    def step(state: tuple) -> tuple:
        params, rest, opt_state = state
        (value, rest), grads = jax.value_and_grad(loss, has_aux=True)(params, rest)
        updates, opt_state = tx.update(grads, opt_state, params)
        return (optax.apply_updates(params, updates), rest, opt_state), value

    state = (params, rest, tx.init(params))
    function = {"forward": forward, "backward": backward, "step": step}[stage]
    start = time.perf_counter()
    program = jax.jit(function, donate_argnums=0).lower(state).compile()
    seconds = time.perf_counter() - start

    def call() -> None:
        nonlocal state
        state, result = program(state)
        jax.block_until_ready((state, result))

    return call, seconds


def import_timm() -> object:
    """timm, with the two torchvision operators declared that a CPU build may lack."""
    import torch

    for schema in (
        "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
        "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    ):
        operator, signature = schema.split("(", 1)
        with contextlib.suppress(RuntimeError):  # declared already
            torch.library.define(f"torchvision::{operator}", "(" + signature)
    import timm

    return timm


def torch_call(name: str, stage: str, mode: str, batch: int, size: int) -> tuple[Call, float]:
    """The same pass of timm's model and the seconds that its first call took."""
    import torch

    torch.set_num_threads(os.cpu_count())
    layout = torch.contiguous_format if mode == "eager" else torch.channels_last
    model = import_timm().create_model(name, num_classes=CLASSES).train().to(memory_format=layout)
    images, labels = map(torch.from_numpy, draw(batch, size))
    images = images.permute(0, 3, 1, 2).contiguous(memory_format=layout)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    run = torch.compile(model) if mode == "compiled" else model

    def forward() -> object:
        with torch.no_grad():
            return torch.nn.functional.cross_entropy(run(images), labels)

    def backward() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(run(images), labels).backward()

    def step() -> None:
        backward()
        optimizer.step()

    call = {"forward": forward, "backward": backward, "step": step}[stage]
    start = time.perf_counter()
    call()
    return call, time.perf_counter() - start


def matrix_call(dtype: str, size: int = 2048) -> tuple[Call, float]:
    """One large matrix product and its floating point operations."""
    a = jnp.ones((size, size), dtype)
    program = jax.jit(jnp.dot).lower(a, a).compile()
    return lambda: jax.block_until_ready(program(a, a)), 2 * size**3


def make_call(who: str, name: str, stage: str, args: argparse.Namespace) -> tuple[Call, float]:
    if who == "effjax":
        return jax_call(name, stage, args.batch, args.size, args.dtype)
    return torch_call(name, stage, who, args.batch, args.size)


def peak_memory(who: str, name: str, stage: str, args: argparse.Namespace) -> str:
    """GB that the calls need above the imports; measured in a process that does nothing else."""
    command = [sys.executable, __file__, "--measure-memory", who, "--models", name]
    command += ["--passes", stage, "--batch", str(args.batch), "--size", str(args.size)]
    done = subprocess.run([*command, "--dtype", args.dtype], capture_output=True, text=True)
    return done.stdout.strip().splitlines()[-1] if done.returncode == 0 else "failed"


def print_peak_memory(who: str, name: str, stage: str, args: argparse.Namespace) -> None:
    def resident(field: str) -> float:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(field)) / 1e6

    if who != "effjax":
        import_timm()
    jax.block_until_ready(jnp.zeros(1))
    before = resident("VmRSS")
    call, _ = make_call(who, name, stage, args)
    call()
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of the compilation
    for _ in range(3):
        call()
    print(f"{resident('VmHWM') - before:.2f}")


def compare(name: str, stage: str, modes: list[str], args: argparse.Namespace) -> None:
    calls, compile_seconds = {}, {}
    for who in ("effjax", *modes):
        try:
            calls[who], compile_seconds[who] = make_call(who, name, stage, args)
        except Exception as error:  # a mode that does not work here, or a model that timm lacks
            if who == "effjax":
                raise
            print(f"{name} {stage} {who}: {type(error).__name__}: {error}", file=sys.stderr)
    calls["matrix product"], operations = matrix_call(args.dtype)
    timings = alternate(calls, args.rounds, args.seconds)
    rate = operations / timings.pop("matrix product").median
    macs = models.cost(effjax.create_model(name), (args.size, args.size, 3)).macs
    useful = 2 * macs * args.batch * (1 if stage == "forward" else 3)
    for who, timing in timings.items():
        print(
            row(name, stage, who, timing, timings["effjax"], useful / rate, args.batch)
            + f" {compile_seconds[who]:.1f} | {memory(who, name, stage, args)} |",
            flush=True,
        )


def memory(who: str, name: str, stage: str, args: argparse.Namespace) -> str:
    return peak_memory(who, name, stage, args) if stage == "step" and args.memory else ""


def row(
    name: str, stage: str, who: str, timing: Timing, ours: Timing, floor: float, batch: int
) -> str:
    """`floor`: the seconds of this pass at the rate of the large matrix product."""
    ratio = "" if who == "effjax" else ratio_text(timing, ours)
    speed, share = batch / timing.median, floor / timing.median
    return f"| {name} | {stage} | {who} | {speed:.2f} | {ratio} | {share:.0%} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="poolformer_s12,caformer_s18")
    parser.add_argument("--passes", default=",".join(PASSES))
    parser.add_argument("--torch-modes", default=",".join(TORCH_MODES), help="empty: effjax alone")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=60.0, help="for each model and pass")
    parser.add_argument("--memory", action="store_true", help="also peak memory of the full step")
    parser.add_argument("--measure-memory", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure_memory:
        print_peak_memory(args.measure_memory, args.models, args.passes, args)
        return
    modes = [mode for mode in args.torch_modes.split(",") if mode]
    device = jax.devices()[0].device_kind
    print(
        f"{device}, {os.cpu_count()} cores, jax {jax.__version__}, {args.dtype}, "
        f"batch {args.batch}, {args.size} pixels"
    )
    print(
        "| model | pass | who | images/s | effjax is faster by | share of matrix rate "
        "| compile s | peak GB |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name in args.models.split(","):
        for stage in args.passes.split(","):
            compare(name, stage, modes, args)


if __name__ == "__main__":
    use_huge_pages()
    main()
