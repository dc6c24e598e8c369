"""Training steps of registered models beside timm on PyTorch, in turn on the same machine.

    python benchmarks/train_step.py --models poolformer_s12,caformer_s18

For each model: images/s and compile seconds of the forward pass, forward + backward, and the full
step with AdamW; the ratio to PyTorch's modes, round by round with quartiles (above 1: effjax is
faster); the share of this machine's rate in one large matrix product; the peak of resident memory
above that after the imports (of a CPU). Each runs in a process of its own, one after the other; of
the two steps of a turn the second counts. No stochastic depth. All run with malloc as the command
line of effjax sets it, PyTorch too; EFFJAX_NO_REEXEC=1 leaves it alone. effjax calls oneDNN, as in
long runs. timm is optional.
"""

import argparse
import contextlib
import importlib.util
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
from alternate import alternate, ratio_text

import effjax
from effjax import models, optim
from effjax.ops import keep_products_only, onednn_calls
from effjax.startup import free_unused_memory, tune_malloc

PASSES = ("forward", "backward", "step")
TORCH_MODES = ("eager", "channels_last", "compiled")
CLASSES = 1000
ANSWER = "answer:"
Call = Callable[[], object]


def draw(batch: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    images = rng.standard_normal((batch, size, size, 3), np.float32)
    return images, rng.integers(0, CLASSES, batch)


def jax_call(name: str, stage: str, batch: int, size: int, dtype: str) -> tuple[Call, float]:
    """One pass of effjax's model and the seconds that its compilation took."""
    fields = {"drop_path_rate", "head_dropout"} & set(models.default_fields(name))
    model = effjax.create_model(name, CLASSES, dtype, **dict.fromkeys(fields, 0.0))
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
    with onednn_calls(), keep_products_only():  # as in a long run
        lowered = jax.jit(function, donate_argnums=0).lower(state)
    program = models.compile_for_cpu(lowered)
    free_unused_memory()
    seconds = time.perf_counter() - start

    def call() -> None:
        nonlocal state
        state, result = program(state)
        jax.block_until_ready((state, result))

    return call, seconds


def import_timm() -> object:
    """timm; torchvision's Python part alone is enough, with two of its operators declared here."""
    import torch

    vision = importlib.util.find_spec("torchvision")
    folder = Path(vision.submodule_search_locations[0]) if vision else Path()
    if not any(folder.glob("_C*.so")):  # where its library is there, it declares them itself
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


class Worker:
    """One pass of one model in a process of its own: calling it runs the pass there, once."""

    def __init__(self, who: str, name: str, stage: str, args: argparse.Namespace):
        command = [sys.executable, __file__, "--work-as", who, "--models", name, "--passes", stage]
        command += ["--batch", str(args.batch), "--size", str(args.size), "--dtype", args.dtype]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.compile_seconds = self.answer()

    def answer(self) -> float:
        for line in self.process.stdout:
            if line.startswith(ANSWER):
                return float(line.removeprefix(ANSWER))
        raise RuntimeError("the process ended before its answer, see its message above")

    def __call__(self) -> None:
        self.process.stdin.write("\n")
        self.peak_memory = self.answer()

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def work(who: str, name: str, stage: str, args: argparse.Namespace) -> None:
    """The other end of a `Worker`: run the pass for each line, answer with its peak memory, GB."""

    def resident(field: str) -> float:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(field)) / 1e6

    if who != "effjax":
        import_timm()
    jax.block_until_ready(jnp.zeros(1))
    before = resident("VmRSS")
    call, seconds = make_call(who, name, stage, args)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of the compilation
    print(ANSWER, seconds, flush=True)
    for _ in sys.stdin:
        call()
        print(ANSWER, resident("VmHWM") - before, flush=True)


def compare(name: str, stage: str, modes: list[str], args: argparse.Namespace) -> None:
    workers = {}
    for who in ("effjax", *modes):
        try:
            workers[who] = Worker(who, name, stage, args)
        except RuntimeError as error:  # a mode that does not work here, a model that timm lacks
            print(f"{name} {stage} {who}: {error}", file=sys.stderr)
    matrix, operations = matrix_call(args.dtype)
    timings = alternate({**workers, "matrix product": matrix}, args.rounds, args.seconds, before=1)
    rate = operations / timings.pop("matrix product").median
    macs = models.cost(effjax.create_model(name), (args.size, args.size, 3)).macs
    floor = 2 * macs * args.batch * (1 if stage == "forward" else 3) / rate
    for who, worker in workers.items():
        timing = timings[who]
        ratio = "" if who == "effjax" else ratio_text(timing, timings["effjax"])
        print(
            f"| {name} | {stage} | {who} | {args.batch / timing.median:.2f} | {ratio} "
            f"| {floor / timing.median:.0%} | {worker.compile_seconds:.1f} "
            f"| {worker.peak_memory:.2f} |",
            flush=True,
        )
        worker.stop()


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
    parser.add_argument("--work-as", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work_as:
        work(args.work_as, args.models, args.passes, args)
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
    tune_malloc()
    main()
