"""Recomputes the recorded cases of pruning at initialisation with `effjax.compress`.

The networks are small functions of {name: array}, convolutions [K, K, I, O] here and OIHW in the
recording. Where the authors' code has a slip, the argument that follows it is named.
"""

import math
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax.compress import dpai, npb, phew
from effjax.compress.densities import erk
from effjax.compress.effective import channels
from effjax.compress.programs import log_paths, make_program
from effjax.compress.schedules import SCHEDULES
from effjax.compress.select import prune
from effjax.models.blocks.layers import per_channel
from effjax.search.saliency import gradient_over, grasp, synflow

Spec = dict[str, Any]
Found = Iterator[tuple[str, Any]]
SCHEDULE_NAMES = {"one_shot": "linear", "exp": "exponential", "lin": "linear"}
TEMPERATURE = 200.0  # of GraSP


def compute(spec: Spec, inputs: dict[str, np.ndarray], keys: list[str]) -> Found:
    """Yields (key, value) for those of `keys` that this file can compute."""
    with jax.enable_x64(True):
        for system, compute_system in SYSTEMS.items():
            asked = {key for key in keys if key.split("/")[0] == system}
            if asked:
                yield from compute_system(spec, inputs, sorted(asked))


# ----------------------------------------------------------------------------- what is drawn


def gen(*key: int) -> np.random.Generator:
    """The recording's generator."""
    return np.random.Generator(np.random.PCG64(list(key)))


def drawn(seed: int, prefix: str, name: str, shape: Any) -> np.ndarray:
    """Normal numbers that belong to a name."""
    return gen(seed, zlib.crc32((prefix + name).encode())).standard_normal(shape)


def fill(name: str, shape: Any, seed: int) -> np.ndarray:
    """The float64 array of an entry, in the recording's layout."""
    x = drawn(seed, "", name, shape)
    leaf = name.split(".")[-1]
    if leaf == "running_var":
        return 1 + 0.1 * np.abs(x)
    if len(shape) >= 2:
        return x / math.sqrt(math.prod(shape[1:]))
    return 1 + 0.1 * x if leaf == "weight" else 0.1 * x


def batch(seed: int, size: int, side: int, classes: int, i: int) -> tuple[Any, Any]:
    """Batch number i: images [B, H, W, 3] and labels."""
    images = gen(seed, 12345 + i).standard_normal((size, side, side, 3))
    return jnp.asarray(images), jnp.asarray((np.arange(size) + i) % classes)


def ours(array: Any) -> Any:
    """OIHW -> HWIO, OI -> IO."""
    array = np.asarray(array)
    return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T


def theirs(array: Any) -> np.ndarray:
    """HWIO -> OIHW, IO -> OI."""
    array = np.asarray(array)
    return array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T


def their_shape(weight: Any) -> tuple[int, ...]:
    """The shape of a kernel in the recording."""
    return (weight.shape[-1], weight.shape[-2], *weight.shape[:-2])


# ----------------------------------------------------------------------------------- networks


class Net:
    """One of the recording's networks.

    Attributes:
      layers: names of convolutions and linear layers, in the order of the modules.
      weights: {layer: kernel} in our layout.
      others: {entry: array} of norms and biases.
    """

    def __init__(self, seed: int, entry: dict[str, Any], name: str):
        self.seed = seed
        self.name = name
        self.spec = entry["spec"]
        arrays = {key: fill(key, shape, seed) for key, shape in entry["entries"]}
        self.layers = [
            key.removesuffix(".weight") for key, shape in entry["entries"] if len(shape) >= 2
        ]
        self.weights = {}
        for layer in self.layers:
            self.weights[layer] = jnp.asarray(ours(arrays[f"{layer}.weight"]))
        kernels = {f"{layer}.weight" for layer in self.layers}
        self.others = {key: jnp.asarray(a) for key, a in arrays.items() if key not in kernels}

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """{layer: shape of its kernel}."""
        return {layer: weight.shape for layer, weight in self.weights.items()}

    def batch(self, i: int) -> tuple[Any, Any]:
        spec = self.spec
        return batch(self.seed, spec["batch"], spec["size"], spec["classes"], i)

    def __call__(
        self,
        weights: Any,
        others: Any,
        x: Any,
        norm: Callable | None = None,
        bias: bool = True,
        train: bool = False,
    ) -> Any:
        """Logits; norms in evaluation mode, by the batch's statistics (`train`), or `norm`."""

        def normed(name: str, y: Any) -> Any:
            if norm is not None:
                return norm(y)
            mean, var = others[f"{name}.running_mean"], others[f"{name}.running_var"]
            if train:
                mean, var = y.mean((0, 1, 2)), y.var((0, 1, 2))
            scale = others[f"{name}.weight"] / jnp.sqrt(var + 1e-5)
            shift = others[f"{name}.bias"]
            return (y - per_channel(mean, y)) * per_channel(scale, y) + per_channel(shift, y)

        body = self._plain if self.name != "res" else self._res
        x = body(weights, x, normed).mean((1, 2))
        logits = x @ weights["fc"]
        return logits + per_channel(others["fc.bias"], logits) if bias else logits

    def _plain(self, weights: Any, x: Any, normed: Callable) -> Any:
        for i, (_, _, stride) in enumerate(self.spec["convs"], start=1):
            x = jax.nn.relu(normed(f"bn{i}", conv(x, weights[f"conv{i}"], stride)))
        return x

    def _res(self, weights: Any, x: Any, normed: Callable) -> Any:
        x = jax.nn.relu(normed("stem.bn", conv(x, weights["stem.conv"], 1)))
        for i, (_, stride) in enumerate(self.spec["blocks"], start=1):
            block = f"block{i}"
            y = conv(x, weights[f"{block}.conv1"], stride)
            y = jax.nn.relu(normed(f"{block}.bn1", y))
            y = normed(f"{block}.bn2", conv(y, weights[f"{block}.conv2"], 1))
            if f"{block}.shortcut.conv" in weights:
                x = conv(x, weights[f"{block}.shortcut.conv"], stride)
                x = normed(f"{block}.shortcut.bn", x)
            x = jax.nn.relu(x + y)
        return x

    def program(self, bias: float | None = None) -> Any:
        """Paths: norms left out; every bias is `bias`, or None for none."""
        ones = jnp.ones((1, self.spec["size"], self.spec["size"], 3))

        def network(weights: Any, x: Any) -> Any:
            others = {"fc.bias": weights.get("fc.bias")}
            return self(weights, others, x, norm=lambda y: y, bias=bias is not None)

        values = {layer: jnp.ones(weight.shape) for layer, weight in self.weights.items()}
        if bias is not None:
            values["fc.bias"] = jnp.full(self.others["fc.bias"].shape, bias)
        return make_program(network, values, ones)


def conv(x: Any, kernel: Any, stride: int) -> Any:
    """Convolution padded by half its kernel."""
    pad = kernel.shape[0] // 2
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        [(pad, pad), (pad, pad)],
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def net_of(spec: Spec, name: str) -> Net:
    return Net(spec["seed"], spec[f"net/{name}"], name)


# --------------------------------------------------------------------- pruning at initialisation


class Scores:
    """Scores of a network under masks, each compiled once."""

    def __init__(self, net: Net, batches: int):
        self.net = net
        self.batches = [net.batch(i) for i in range(batches)]
        self._compiled: dict[str, Callable] = {}

    def __call__(self, kind: str, masks: Any) -> dict[str, np.ndarray]:
        """{layer: score} in our layout."""
        masks = {layer: jnp.asarray(masks[layer], jnp.float64) for layer in self.net.layers}
        if kind not in self._compiled:
            self._compiled[kind] = jax.jit(getattr(self, f"_{kind}"))
        found = self._compiled[kind](masks)
        return {layer: np.asarray(score) for layer, score in found.items()}

    def _masked(self, masks: Any) -> Any:
        return {layer: self.net.weights[layer] * masks[layer] for layer in self.net.layers}

    def _losses(self, temperature: float) -> list[Callable]:
        """For each batch the loss as a function of the weights."""

        def loss_of(images: Any, labels: Any) -> Callable:
            def loss(weights: Any) -> Any:
                logits = self.net(weights, self.net.others, images) / temperature
                return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

            return loss

        return [loss_of(*pair) for pair in self.batches]

    def _mag(self, masks: Any) -> Any:
        return jax.tree.map(jnp.abs, self._masked(masks))

    def _rand(self, masks: Any) -> Any:
        found = {}
        for layer in self.net.layers:
            shape = their_shape(self.net.weights[layer])
            found[layer] = jnp.asarray(
                ours(drawn(self.net.seed, "score.", f"{layer}.weight", shape))
            )
        return found

    def _snip(self, masks: Any) -> Any:
        def of_masks(loss: Callable) -> Callable:
            return lambda values: loss(self._masked(values))

        # the gradient to the masks is w g of the unmasked weight, so that what is masked has a
        # score too, and may return
        losses = [of_masks(loss) for loss in self._losses(1.0)]
        scores = jax.tree.map(jnp.abs, gradient_over(losses, masks))
        total = sum(score.sum() for score in scores.values())
        return {layer: score / total for layer, score in scores.items()}

    def _grasp(self, masks: Any) -> Any:
        def of_weights(loss: Callable) -> Callable:
            return lambda weights: loss({n: weights[n] * masks[n] for n in weights})

        losses = [of_weights(loss) for loss in self._losses(TEMPERATURE)]
        scores = grasp(losses, self.net.weights)
        total = jnp.abs(sum(score.sum() for score in scores.values())) + 1e-10
        return {layer: score / total for layer, score in scores.items()}

    def _synflow(self, masks: Any) -> Any:
        others = jax.tree.map(jnp.abs, self.net.others)
        side = self.net.spec["size"]
        ones = jnp.ones((1, side, side, 3))
        weights = jax.tree.map(jnp.abs, self._masked(masks))
        return synflow(lambda w: self.net(w, others, ones).sum(), weights)


def pruning(spec: Spec, inputs: Any, keys: list[str]) -> Found:
    """pai/*"""
    scores: dict[tuple, Scores] = {}
    masks: dict[tuple, dict] = {}
    for key in keys:
        _, name, kind, case, *rest = key.split("/")
        two = kind.endswith("_two_batches")
        plain_kind = kind.removesuffix("_two_batches")
        place = (name, two)
        if place not in scores:
            scores[place] = Scores(net_of(spec, name), 2 if two else 1)
        score = scores[place]
        if case == "score":
            everything = {n: np.ones(w.shape) for n, w in score.net.weights.items()}
            masks.setdefault((name, kind), score(plain_kind, everything))
            yield key, theirs(masks[name, kind][rest[0]])
            continue
        scope, compression, what, *layer = rest
        group = (name, kind, case, scope, compression)
        if group not in masks:
            masks[group] = pruned(score, plain_kind, case, scope, float(compression[1:]))
        found = masks[group]
        if what == "mask":
            yield key, theirs(found[layer[0]])
        elif what == "kept":
            yield key, np.array([int(found[n].sum()) for n in score.net.layers])


def pruned(score: Scores, kind: str, case: str, scope: str, compression: float) -> dict:
    """Masks as the authors' code makes them: ties go together, and what was dropped may return."""
    word, rounds = re.fullmatch(r"([a-z_]+?)(\d*)", case).groups()
    count = int(rounds or 1)
    schedule = SCHEDULES.find(SCHEDULE_NAMES[word])
    density = 10**-compression
    densities = [schedule(density, done / count) for done in range(1, count + 1)]
    start = {n: np.ones(w.shape, np.int8) for n, w in score.net.weights.items()}
    return prune(
        lambda masks: score(kind, masks),
        start,
        densities,
        {"global": "global", "local": "layer"}[scope],
        ties="together",
        regrow=True,
    )


def erk_sparsities(spec: Spec, inputs: Any, keys: list[str]) -> Found:
    """erk/* and erk_plus/*"""
    for key in keys:
        system, name, what = key.split("/")
        sparsity = float(what.removeprefix("sparsity"))
        shapes = net_of(spec, name).shapes()
        if system == "erk":
            found = erk(shapes, 1 - sparsity)
        else:
            # the authors' code: what `fc` takes is taken from the density of all, `fc` included
            last = math.prod(shapes["fc"])
            total = sum(math.prod(shape) for shape in shapes.values())
            density = ((1 - sparsity) * total - last) / (total - last)
            found = {**erk(shapes, density), "fc": 1.0}
        yield key, {layer: float(1 - density) for layer, density in found.items()}


# ----------------------------------------------------------------------------------------- NPB


def node_paths(spec: Spec, inputs: Any, keys: list[str]) -> Found:
    """npb/*"""
    yield from programmes(spec, inputs, [key for key in keys if key.startswith("npb/program/")])
    known: dict[tuple, Any] = {}
    for key in keys:
        _, name, what, *rest = key.split("/")
        if name == "program":
            continue
        net = net_of(spec, name)
        main = [n for n in net.layers if "shortcut" not in n and n != "fc"]
        if what == "channels_of":
            yield key, [*(str(i) for i in range(len(main))), "Pre_Output", "Output"]
            continue
        if (name, what) not in known:
            known[name, what] = counted(net, main, float(what.removeprefix("mask")))
        counts, per_layer, repeated = known[name, what]
        part = rest[0] if rest else "counts"
        if part == "counts":
            yield key, counts
        elif part == "channels":
            yield key, per_layer
        elif part == "ineffective":
            yield key, repeated


# The authors' code adds a layer's ineffective weights once for each buffer up to the next layer: a
# convolution's mask and the five of its norm, the masks of a linear layer's weight and bias.
REPEATS = {"conv": 6, "linear": 2}


def counted(net: Net, main: list[str], share: float) -> tuple[np.ndarray, np.ndarray, np.int64]:
    """[paths, nodes, live weights, kept weights], live channels, ineffective weights as coded.

    Biases count as paths, too.
    """
    masks = {}
    for layer, weight in net.weights.items():
        uniform = gen(net.seed, zlib.crc32(f"mask.{layer}.weight".encode()))
        uniform = uniform.random(their_shape(weight))
        masks[layer] = jnp.asarray(ours(uniform < share), jnp.float64)
    program = net.program(bias=1.0)
    paths, gradient = jax.value_and_grad(lambda m: jnp.exp(log_paths(program, m)))(masks)
    live = {n: np.asarray((gradient[n] != 0) & (masks[n] != 0)) for n in masks}
    per_layer = [channels(live[n], -2) for n in main]
    per_layer += [channels(live["fc"], -2), channels(live["fc"], -1)]
    kept = sum(int(mask.sum()) for mask in masks.values())
    alive = sum(int(part.sum()) for part in live.values())
    repeated = 0
    for n, part in live.items():
        times = REPEATS["conv" if part.ndim == 4 else "linear"]
        repeated += times * (int(masks[n].sum()) - int(part.sum()))
    counts = np.array([float(paths), sum(per_layer), alive, kept])
    return counts, np.array(per_layer), np.int64(repeated)


def programmes(spec: Spec, inputs: Any, keys: list[str]) -> Found:
    """npb/program/*"""
    known: dict[str, tuple] = {}
    for key in keys:
        group, what = key.rsplit("/", 1)
        if group not in known:
            s = spec[group]
            side = max(1, s["k"] ** 2)
            taps = math.ceil((1 - s["sparsity"]) * s["out"] * s["inp"] * side)
            most = npb.largest_taps(side, taps, s["inp"], s["out"], s["max_k"])
            paths_in = inputs[f"{group}/P_in"]
            known[group] = npb.balance(
                paths_in, s["out"], taps, most, s["alpha"], s["beta"], slip=True
            )
        kept, value = known[group]
        yield key, {"objective": value, "M": kept, "kept": float(kept.sum())}[what]


# ---------------------------------------------------------------------------------------- DPaI


def dpai_cases(spec: Spec, inputs: Any, keys: list[str]) -> Found:
    """dpai/*"""
    groups: dict[str, list[str]] = {}
    for key in keys:
        groups.setdefault("/".join(key.split("/")[:3]), []).append(key)
    for group, asked in groups.items():
        known = dpai_run(spec, group)
        for key in asked:
            if key in known:
                yield key, known[key]


def dpai_run(spec: Spec, group: str) -> dict[str, Any]:
    """All keys of one run."""
    settings = spec[group]
    net = net_of(spec, group.split("/")[1])
    program = net.program()
    scores = {}
    for layer, weight in net.weights.items():
        score = drawn(net.seed, "score.", f"{layer}.weight", their_shape(weight))
        scores[layer] = jnp.asarray(ours(score))
    zeros = dpai.zeros_of(net.shapes(), 1 - settings["sparsity"])
    known: dict[str, Any] = {f"{group}/zeros": zeros}
    known[f"{group}/log_sum_of_plain_forward"] = plain_forward(net, dpai.masks_of(scores, zeros))
    adam = optax.adam(settings["lr"])
    state = adam.init(scores)

    @jax.jit
    def step(scores: Any, state: Any) -> tuple:
        direction, counted = dpai.step_direction(
            program, scores, zeros, settings["alpha"], settings["beta"], own_rule=True
        )
        updates, state = adam.update(direction, state)
        return optax.apply_updates(scores, updates), state, direction, counted

    history = []
    wanted = {1, 10, settings["steps"]}
    for number in range(1, settings["steps"] + 1):
        scores, state, direction, counted = step(scores, state)
        sums = [sum(counted[part].values()) for part in ("nodes", "kernels", "weights")]
        per_layer = [counted["nodes"][layer] for layer in net.layers]
        history.append([float(x) for x in (counted["log_paths"], *sums, *per_layer)])
        if number == 1:
            known |= {f"{group}/update0/{n}": theirs(direction[n]) for n in net.layers}
        if number in wanted:
            for n in net.layers:
                known[f"{group}/score_after{number}/{n}"] = theirs(scores[n])
    known[f"{group}/history"] = np.array(history)
    return known


def plain_forward(net: Net, masks: Any) -> float:
    """ln of the summed outputs with masks as weights, means kept."""
    side = net.spec["size"]
    ones = jnp.ones((1, side, side, 3))
    outputs = net(masks, {}, ones, norm=lambda y: y, bias=False)
    return float(jnp.log(outputs.sum()))


# ---------------------------------------------------------------------------------------- PHEW


def phew_cases(spec: Spec, inputs: Any, keys: list[str]) -> Found:
    """phew/*"""
    net = Net(spec["seed"], spec["phew/net"], "plain")
    layers = phew.in_a_chain(net.weights)
    runs: dict[str, phew.Walks] = {}
    for key in keys:
        _, what, *rest = key.split("/")
        if what in ("forward", "backward"):
            yield key, getattr(layers[rest[0]], what)
            continue
        if what == "kernel":
            yield key, layers[rest[0]].taps.reshape(theirs(net.weights[rest[0]]).shape)
            continue
        if what not in runs:
            uniforms = gen(spec["seed"], 606).random(20000)
            runs[what] = phew.Walks(layers, iter(uniforms))
            total = sum(weight.size for weight in net.weights.values())
            runs[what].grow(int((1 - float(what.removeprefix("prune")) / 100) * total))
        yield key, of_walks(net, runs[what], rest)


def of_walks(net: Net, walks: phew.Walks, what: list[str]) -> Any:
    if what == ["kept"]:
        return int(walks.kept)
    if what == ["uniforms_used"]:
        return int(walks.used)
    part, layer = what
    mask = walks.masks[layer].reshape(theirs(net.weights[layer]).shape).astype(np.uint8)
    if part == "mask":
        return mask
    return mask.reshape(mask.shape[0], -1).max(1)


SYSTEMS: dict[str, Callable[..., Found]] = {
    "pai": pruning,
    "erk": erk_sparsities,
    "erk_plus": erk_sparsities,
    "npb": node_paths,
    "dpai": dpai_cases,
    "phew": phew_cases,
}
