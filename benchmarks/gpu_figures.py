"""All figures of one GPU in one run of at most eight minutes, written to one JSON file.

    python benchmarks/gpu_figures.py --out=gpu.json [--parts=ceilings,steps,...] [--tiny]

    ceilings   bytes/s of a device copy, FLOP/s of a bf16 matrix product
    parity     recorded values of the models, operations and optimizers, computed on the GPU
    steps      training steps of four models in bf16 beside timm under torch.compile
    depthwise  7x7 depthwise convolutions in bf16 beside cuDNN and the bandwidth floor
    updates    optimizer updates beside the bandwidth floor
    trials     64 trials of `effjax bench` in one program beside one by one

Every model has a process of its own, which compiles, waits, and is timed alone. `--tiny` runs the
same code at sizes for a CPU. torch and timm are optional.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Programs share the card: each takes the memory that it needs, when it needs it.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax
import jax.numpy as jnp
import numpy as np
import optax

HERE = Path(__file__).parent
ANSWER = "answer: "
MODELS = ("caformer_s18", "convformer_s18", "poolformer_s12", "vit_small_patch16_224")
METHODS = ("sgd", "lion", "adamw", "adan", "lamb", "adamw_win2", "adan_win", "lookahead")
PARITY = (
    "tests/models/test_parity.py",
    "tests/ops/test_depthwise_conv.py",
    "tests/ops/test_pooling.py",
    "tests/optim/test_recorded.py",
)
STAGES = ((56, 64), (56, 128), (28, 128), (14, 320), (7, 512))  # H = W, channels


class Sizes:
    """What is measured at which size: on a GPU, or with `--tiny` on any machine."""

    def __init__(self, tiny: bool):
        self.tiny = tiny
        self.batch = 2 if tiny else 128
        self.pixels = 32 if tiny else 224
        self.steps = 2 if tiny else 20  # timed together: dispatch is hidden, as in a run
        self.rounds = 2 if tiny else 5
        self.copy_megabytes = 8 if tiny else 2048
        self.matrix = 128 if tiny else 8192
        self.updates = 2 if tiny else 50  # in one program
        self.trials = 4 if tiny else 64


# ----------------------------------------------------------------------------------- timing


def seconds_each(call: Callable[[], Any], count: int, rounds: int) -> float:
    """Median over rounds of the seconds that one of `count` calls in a row takes."""
    jax.block_until_ready(call())
    taken = []
    for _ in range(rounds):
        since = time.perf_counter()
        for _ in range(count):
            result = call()
        jax.block_until_ready(result)
        taken.append((time.perf_counter() - since) / count)
    return statistics.median(taken)


# --------------------------------------------------------------------------------- ceilings


def measure_ceilings(sizes: Sizes) -> dict[str, float]:
    """The rates that bound everything else on this card."""
    count = sizes.copy_megabytes * 1_000_000 // 4
    x = jax.random.normal(jax.random.key(0), (count,), jnp.float32)
    add_one = jax.jit(lambda x: x + 1.0)
    copy_seconds = seconds_each(lambda: add_one(x), 5, sizes.rounds)

    n = sizes.matrix
    left, right = jax.random.normal(jax.random.key(1), (2, n, n), jnp.bfloat16)
    product = jax.jit(jnp.dot)
    product_seconds = seconds_each(lambda: product(left, right), 10, sizes.rounds)
    return {
        "copy_gigabytes_per_second": 2 * x.nbytes / copy_seconds / 1e9,
        "bf16_teraflops": 2 * n**3 / product_seconds / 1e12,
    }


# ----------------------------------------------------------------------------------- parity


def run_parity(sizes: Sizes) -> dict[str, Any]:
    """Runs the recorded cases on this device, with products of float32 in float32."""
    environment = {**os.environ, "JAX_DEFAULT_MATMUL_PRECISION": "highest"}
    environment["JAX_PLATFORMS"] = jax.default_backend().replace("gpu", "cuda,cpu")
    command = [sys.executable, "-m", "pytest", "-q", "-W", "ignore", "-p", "no:cacheprovider"]
    tests = PARITY[1:] if sizes.tiny else PARITY
    command += ["--maxfail=20", *tests]
    root = HERE.parent  # wherever this is called
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=root)
    lines = done.stdout.strip().splitlines()
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    found = {"status": done.returncode, "last_line": lines[-1] if lines else "", "failed": failed}
    return found if done.returncode == 0 else found | {"output": lines[-40:]}


# ------------------------------------------------------------------------------------ steps


def draw_batch(sizes: Sizes) -> tuple[np.ndarray, np.ndarray]:
    """Images [B, H, W, 3] and labels [B]."""
    rng = np.random.default_rng(0)
    images = rng.standard_normal((sizes.batch, sizes.pixels, sizes.pixels, 3), np.float32)
    return images, rng.integers(0, 1000, sizes.batch)


def effjax_model(name: str, sizes: Sizes) -> Any:
    """The registered network without anything that draws; small with `--tiny`."""
    import effjax
    from effjax import models

    known = models.default_fields(name)
    fields = {f: 0.0 for f in ("drop_path_rate", "head_dropout") if f in known}
    if sizes.tiny and "dims" in known:
        fields |= {"dims": (8, 8, 32, 32), "depths": (1, 1, 1, 1)}
    elif sizes.tiny:
        fields |= {"width": 32, "depth": 1, "heads": 2, "image_size": sizes.pixels}
    return effjax.create_model(name, 1000, "bfloat16", **fields)


def effjax_step(name: str, sizes: Sizes) -> tuple[Callable[[], Any], dict[str, float]]:
    """A compiled training step with AdamW in bf16, float32 parameters, and what is known of it."""
    from effjax import models, optim

    model = effjax_model(name, sizes)
    images, labels = map(jnp.asarray, draw_batch(sizes))
    variables = dict(jax.jit(model.init)(jax.random.key(0), images[:1]))
    params, rest = variables.pop("params"), variables
    learned = [collection for collection in rest if collection != "constants"]
    tx = optim.create("adamw", 1e-3, weight_decay=0.05)

    def loss(params: Any, rest: Any) -> tuple[jax.Array, Any]:
        logits, changed = model.apply(
            {"params": params, **rest},
            images,
            train=True,
            rngs={"dropout": jax.random.key(1)},
            mutable=learned,
        )
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        return losses.mean(), {**rest, **changed}

    def step(params: Any, rest: Any, opt_state: Any) -> tuple[Any, Any, Any, jax.Array]:
        (value, rest), grads = jax.value_and_grad(loss, has_aux=True)(params, rest)
        updates, opt_state = tx.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), rest, opt_state, value

    state = (params, rest, tx.init(params))
    since = time.perf_counter()
    program = jax.jit(step, donate_argnums=(0, 1, 2)).lower(*state).compile()
    compile_seconds = time.perf_counter() - since
    memory = program.memory_analysis()
    macs = models.cost(model, (sizes.pixels, sizes.pixels, 3)).macs

    def call() -> jax.Array:
        nonlocal state
        *state, value = program(*state)
        return value

    known = {"compile_seconds": compile_seconds, "macs_an_image": macs}
    if memory is not None:
        known["temporary_gigabytes"] = memory.temp_size_in_bytes / 1e9
    return call, known


def torch_step(name: str, sizes: Sizes) -> tuple[Callable[[], Any], dict[str, float]]:
    """The same step of timm's model under torch.compile: bf16 autocast, channels last."""
    import torch
    from train_step import import_timm

    device = "cuda" if torch.cuda.is_available() else "cpu"
    # a ViT has positions for one size of images, and refuses others
    fields = {"img_size": sizes.pixels} if name.startswith("vit") else {}
    model = import_timm().create_model(name, num_classes=1000, **fields).train().to(device)
    model = model.to(memory_format=torch.channels_last)
    images, labels = map(torch.from_numpy, draw_batch(sizes))
    images = images.permute(0, 3, 1, 2).to(device, memory_format=torch.channels_last)
    labels = labels.to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05, fused=True)
    run = model if sizes.tiny else torch.compile(model)

    def call() -> Any:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16):
            loss = torch.nn.functional.cross_entropy(run(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    def settled() -> float:
        return float(call().detach())  # waits for the device

    since = time.perf_counter()
    settled()
    known = {"compile_seconds": time.perf_counter() - since}

    def several() -> None:
        for _ in range(sizes.steps):
            loss = call()
        float(loss.detach())

    several.steps_inside = sizes.steps
    return several, known


def work_as(who: str, name: str, sizes: Sizes) -> None:
    """One model in a process of its own: compiles, says so, waits for a line, measures, answers."""
    make = effjax_step if who == "effjax" else torch_step
    try:
        call, known = make(name, sizes)
    except ModuleNotFoundError as error:
        sys.exit(f"{name} by {who} is left out: {error}; pip install torch timm")
    print(ANSWER + json.dumps(known), flush=True)
    sys.stdin.readline()
    inside = getattr(call, "steps_inside", 1)
    each = seconds_each(call, sizes.steps // inside, sizes.rounds) / inside
    known |= {"milliseconds": 1e3 * each, "images_per_second": sizes.batch / each}
    if who != "effjax":
        import torch

        if torch.cuda.is_available():
            known["peak_gigabytes"] = torch.cuda.max_memory_allocated() / 1e9
    else:
        statistics_of_device = jax.local_devices()[0].memory_stats() or {}
        if "peak_bytes_in_use" in statistics_of_device:
            known["peak_gigabytes"] = statistics_of_device["peak_bytes_in_use"] / 1e9
    print(ANSWER + json.dumps(known), flush=True)


def answer_of(process: subprocess.Popen) -> dict[str, Any] | None:
    """The next answer of a worker, or None if it ended."""
    for line in process.stdout:
        if line.startswith(ANSWER):
            return json.loads(line.removeprefix(ANSWER))
    return None


def start_worker(who: str, name: str, sizes: Sizes) -> subprocess.Popen:
    """A process that compiles one model and waits."""
    command = [sys.executable, __file__, f"--work-as={who}", f"--models={name}"]
    command += [f"--batch={sizes.batch}"] + ["--tiny"] * sizes.tiny
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, **pipes)


def measure_steps(sizes: Sizes, ceilings: dict[str, float], models: list[str]) -> dict[str, Any]:
    """{model: {"effjax": ..., "torch": ..., "ratio": effjax's images/s over torch's}}."""
    # XLA times its candidates while it compiles: with other programs on the card it chose kernels
    # that made two of these steps 1.8 times slower. So effjax's compile one after another.
    workers, ready = {}, {}
    for name in models:
        workers[name, "effjax"] = start_worker("effjax", name, sizes)
        ready[name, "effjax"] = answer_of(workers[name, "effjax"])
    for name in models:
        workers[name, "torch"] = start_worker("torch", name, sizes)
    for name in models:
        ready[name, "torch"] = answer_of(workers[name, "torch"])
    results: dict[str, Any] = {name: {} for name in models}
    for (name, who), worker in workers.items():
        if ready[name, who] is not None:
            worker.stdin.write("\n")
            worker.stdin.flush()
            ready[name, who] = answer_of(worker)
        worker.stdin.close()
        worker.wait()
        results[name][who] = ready[name, who] or {"failed": "see the messages above"}
    peak = 1e12 * ceilings.get("bf16_teraflops", float("nan"))
    for row in results.values():
        ours, theirs = row["effjax"], row["torch"]
        if "images_per_second" not in ours:
            continue
        # forward and backward: three times the multiply-adds of the forward pass, two FLOP each
        ours["mfu"] = 6 * ours["macs_an_image"] * ours["images_per_second"] / peak
        # with `--tiny` timm's networks keep their size: nothing to compare
        if "images_per_second" in theirs and not sizes.tiny:
            row["ratio"] = ours["images_per_second"] / theirs["images_per_second"]
            theirs["mfu"] = ours["mfu"] / row["ratio"]
    return results


# -------------------------------------------------------------------------------- depthwise


def effjax_depthwise(x: np.ndarray, w: np.ndarray, sizes: Sizes) -> dict[str, float]:
    """Milliseconds of effjax's form: forward, and forward with both gradients."""
    from effjax.ops import depthwise_conv

    images = jnp.asarray(x, jnp.bfloat16)
    kernel = jnp.asarray(w, jnp.bfloat16)

    @jax.jit
    def both(images: jax.Array, kernel: jax.Array) -> Any:
        y, pull = jax.vjp(depthwise_conv, images, kernel)
        return pull(y)

    forward = jax.jit(depthwise_conv)
    times = {
        "forward": seconds_each(lambda: forward(images, kernel), sizes.steps, sizes.rounds),
        "both": seconds_each(lambda: both(images, kernel), sizes.steps, sizes.rounds),
    }
    return {name: 1e3 * value for name, value in times.items()}


def torch_depthwise(x: np.ndarray, w: np.ndarray, sizes: Sizes) -> dict[str, float] | None:
    """The same by cuDNN through PyTorch, channels last; None where there is no PyTorch."""
    try:
        import torch
    except ImportError:
        return None
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cudnn.benchmark = True

    def tensor(array: np.ndarray, axes: tuple[int, ...]) -> Any:
        value = torch.from_numpy(array.transpose(axes).copy()).to(device, torch.bfloat16)
        return value.contiguous(memory_format=torch.channels_last).requires_grad_()

    images, kernel = tensor(x, (0, 3, 1, 2)), tensor(w, (3, 2, 0, 1))
    convolve = torch.nn.functional.conv2d
    pad, groups = w.shape[0] // 2, x.shape[-1]

    def forward() -> Any:
        with torch.no_grad():
            return convolve(images, kernel, padding=pad, groups=groups)

    def both() -> Any:
        y = convolve(images, kernel, padding=pad, groups=groups)
        return torch.autograd.grad(y, (images, kernel), y.detach())

    def repeated(call: Callable[[], Any]) -> Callable[[], None]:
        def run() -> None:
            for _ in range(sizes.steps):
                call()
            if device == "cuda":
                torch.cuda.synchronize()

        return run

    times = {
        "forward": seconds_each(repeated(forward), 1, sizes.rounds) / sizes.steps,
        "both": seconds_each(repeated(both), 1, sizes.rounds) / sizes.steps,
    }
    return {name: 1e3 * value for name, value in times.items()}


def measure_depthwise(sizes: Sizes, ceilings: dict[str, float]) -> list[dict[str, Any]]:
    """A row a shape. The floor reads and writes every array once: 2 maps forward, 5 with both."""
    rng = np.random.default_rng(0)
    rows = []
    for side, channels in STAGES[-2:] if sizes.tiny else STAGES:
        x = rng.standard_normal((sizes.batch, side, side, channels), np.float32)
        w = rng.standard_normal((7, 7, 1, channels), np.float32)
        map_milliseconds = 2 * x.size / ceilings.get("copy_gigabytes_per_second", 1.0) / 1e6
        rows.append(
            {
                "shape": list(x.shape),
                "effjax": effjax_depthwise(x, w, sizes),
                "cudnn": torch_depthwise(x, w, sizes),
                "floor": {"forward": 2 * map_milliseconds, "both": 5 * map_milliseconds},
            }
        )
    return rows


# ---------------------------------------------------------------------------------- updates


def measure_updates(sizes: Sizes, ceilings: dict[str, float]) -> dict[str, dict[str, float]]:
    """{method: milliseconds, and times over the floor} on the shapes of a CAFormer-S18."""
    from optim_update import FLOORS, SETTINGS, SHARED, tree

    from effjax import optim

    params, grads = tree(2), tree(3)
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(params))
    results = {}
    for name in METHODS[:3] if sizes.tiny else METHODS:
        tx = optim.create(name, 1e-3, **SHARED, **SETTINGS.get(name, {}))

        @jax.jit
        def several(params: Any, state: Any, grads: Any, tx: Any = tx) -> Any:
            def one(_: int, carry: tuple[Any, Any]) -> tuple[Any, Any]:
                params, state = carry
                updates, state = tx.update(grads, state, params)
                return optax.apply_updates(params, updates), state

            return jax.lax.fori_loop(0, sizes.updates, one, (params, state))

        state = tx.init(params)
        seconds = seconds_each(lambda f=several, s=state: f(params, s, grads), 1, sizes.rounds)
        each = seconds / sizes.updates
        floor = FLOORS[name] * size / (1e9 * ceilings.get("copy_gigabytes_per_second", 1.0))
        results[name] = {"milliseconds": 1e3 * each, "over_floor": each / floor}
    return results


# ----------------------------------------------------------------------------------- trials


def measure_trials(sizes: Sizes) -> dict[str, Any]:
    """The table of benchmarks/population.py, as text."""
    command = [sys.executable, str(HERE / "population.py"), "--workload=digits_mlp"]
    command += [f"--trials={sizes.trials}", "--loop-trials=4"]
    command += ["--steps=20"] if sizes.tiny else []
    done = subprocess.run(command, capture_output=True, text=True)
    return {"status": done.returncode, "table": (done.stdout or done.stderr).splitlines()}


# ------------------------------------------------------------------------------------- main

PARTS = ("ceilings", "steps", "depthwise", "updates", "trials", "parity")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("gpu_figures.json"))
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--batch", type=int, help="of the training steps and convolutions")
    parser.add_argument("--tiny", action="store_true", help="sizes for a CPU, to try the script")
    parser.add_argument("--work-as", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    sizes = Sizes(arguments.tiny)
    if arguments.batch:
        sizes.batch = arguments.batch
    if arguments.work_as:
        work_as(arguments.work_as, arguments.models, sizes)
        return
    figures: dict[str, Any] = {
        "device": jax.devices()[0].device_kind,
        "jax": jax.__version__,
        "batch": sizes.batch,
        "pixels": sizes.pixels,
    }
    ceilings: dict[str, float] = {}
    parts: dict[str, Callable[[], Any]] = {
        "ceilings": lambda: measure_ceilings(sizes),
        "steps": lambda: measure_steps(sizes, ceilings, arguments.models.split(",")),
        "depthwise": lambda: measure_depthwise(sizes, ceilings),
        "updates": lambda: measure_updates(sizes, ceilings),
        "trials": lambda: measure_trials(sizes),
        "parity": lambda: run_parity(sizes),
    }
    for name in arguments.parts.split(","):
        since = time.perf_counter()
        figures[name] = parts[name]()
        if name == "ceilings":
            ceilings.update(figures[name])
        seconds = time.perf_counter() - since
        print(f"{name} ({seconds:.0f} s): {json.dumps(figures[name], indent=1)}", flush=True)
        # written after each part: what is measured stays if a later part fails
        arguments.out.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
