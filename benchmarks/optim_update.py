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

    python benchmarks/optim_update.py --share [--methods adamw,muon] [--rounds 3]

How much of a training step the methods for matrices cost, on the network of configs/quickstart.py
with its batch of 64 images. `soap@50` is SOAP with refresh_period=50. Columns:

    ms       CPU milliseconds of one update, a mean over 10 or over a whole period
    share    that over itself and the gradient of one batch
    state    as above

CPU time, of all threads, and the best of the rounds: other work on the machine hardly counts.
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

import effjax
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

SHARES = (
    "adamw",
    "adan",
    "muon",
    "normuon",
    "adamuon",
    "scion",
    "soap",
    "kl_soap",
    "soap_muon",
    "shampoo",
    "kron",
)
PERIOD = 10


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

    def __init__(self, tx: optax.GradientTransformation, params: Any, grads: Any) -> None:
        self.params, self.grads = params, grads
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


class Gradient:
    """The gradient of the quickstart's network for one batch."""

    def __init__(self) -> None:
        model = effjax.create_model(
            "caformer_s18",
            num_classes=10,
            depths=(1, 1, 1, 1),
            dims=(32, 64, 96, 128),
            patch_kernels=(3, 3, 3, 3),
            patch_strides=(2, 2, 2, 2),
            patch_pads=(1, 1, 1, 1),
        )
        self.images = jnp.asarray(np.random.default_rng(0).random((64, 32, 32, 3)), jnp.float32)
        self.labels = jnp.arange(64) % 10
        variables = dict(jax.jit(model.init)(jax.random.key(0), self.images))
        self.params = variables.pop("params")

        def loss(params: Any, images: jax.Array, labels: jax.Array) -> jax.Array:
            logits = model.apply({"params": params, **variables}, images, train=False)
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

        self.step = jax.jit(jax.grad(loss))
        self.grads = self()

    def __call__(self) -> Any:
        return self.step(self.params, self.images, self.labels)


def cpu_ms(run: Callable[[], Any], rounds: int, calls: int = PERIOD) -> float:
    """CPU milliseconds of one call: the best round of so many calls."""
    jax.block_until_ready(run())
    times = []
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(calls):
            jax.block_until_ready(run())
        times.append(time.process_time() - start)
    return min(times) / calls * 1e3


def with_period(method: str) -> tuple[str, dict[str, int]]:
    """ "soap@50" -> ("soap", {"refresh_period": 50})."""
    name, _, period = method.partition("@")
    return name, {"refresh_period": int(period)} if period else {}


def print_shares(methods: list[str], rounds: int) -> None:
    gradient = Gradient()
    size = sum(x.nbytes for x in jax.tree.leaves(gradient.params))
    of_gradient = cpu_ms(gradient, rounds)
    print(f"{size / 4e6:.2f} million values; the gradient of 64 images: {of_gradient:.1f} ms\n")
    print("| update | ms | share | state |\n|---|---|---|---|")
    for method in methods:
        name, period = with_period(method)
        tx = optim.create(name, 1e-3, **SHARED, **SETTINGS.get(name, {}), **period)
        # its own copies: an update is given away what it changes
        params = jax.tree.map(jnp.copy, gradient.params)
        update = Update(tx, params, gradient.grads)
        calls = max(PERIOD, period.get("refresh_period", PERIOD))
        ms = cpu_ms(update, rounds, calls)
        share = ms / (ms + of_gradient)
        state = update.state_bytes / size
        print(f"| {method} | {ms:.2f} | {share:.1%} | {state:.1f} |", flush=True)


def main() -> None:
    tune_malloc()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--share", action="store_true", help="of a training step, see above")
    arguments = parser.parse_args()
    methods = (arguments.methods or ",".join(SHARES if arguments.share else FLOORS)).split(",")
    if arguments.share:
        print_shares(methods, arguments.rounds)
        return

    axpy = Axpy()
    size = sum(x.nbytes for x in jax.tree.leaves(axpy.x))
    fastest = min(seconds(axpy) for _ in range(arguments.rounds))
    print(f"{size / 4e6:.1f} million values in {len(axpy.x)} arrays on {jax.devices()[0]};")
    print(f"axpy {3 * size / fastest / 1e9:.1f} GB/s, {jax.__version__=}, {optax.__version__=}\n")
    print("| update | ms | floor | best | paired | copies | state |\n|---|---|---|---|---|---|---|")
    adamw = optax.adamw(1e-3, weight_decay=0.05)
    measure("optax.adamw, as it is", Update(adamw, tree(2), tree(3)), 7, axpy, arguments.rounds)
    if "adan" in methods:
        adan = optax.adan(1e-3, weight_decay=0.05)
        measure("optax.adan, as it is", Update(adan, tree(2), tree(3)), 11, axpy, arguments.rounds)
    for name in methods:
        tx = optim.create(name, 1e-3, **SHARED, **SETTINGS.get(name, {}))
        measure(name, Update(tx, tree(2), tree(3)), FLOORS[name], axpy, arguments.rounds)
    try:
        measure("torch AdamW fused", TorchAdamW(fused=True), 7, axpy, arguments.rounds)
    except ImportError:
        print("\ntorch is not installed: no torch rows")


if __name__ == "__main__":
    main()
