"""Recomputes the recorded cases of structured pruning and of AMC with `effjax.compress`."""

import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax.compress import bits, choose, quantisers, reconstruct
from effjax.compress import importance as imp
from effjax.compress.groups import Group, Member, cut, kept_of
from effjax.errors import UserError
from tests.parity.search_masks import batch, conv, fill, gen, net_of, ours, theirs

Spec = dict[str, Any]
Found = Iterator[tuple[str, Any]]


def compute(spec: Spec, inputs: dict[str, np.ndarray], keys: list[str]) -> Found:
    """Yields (key, value) for those of `keys` that this file can compute."""
    with jax.enable_x64(True):
        for system, compute_system in SYSTEMS.items():
            asked = sorted(key for key in keys if key.split("/")[0] == system)
            if asked:
                yield from compute_system(spec, inputs, asked)


# ------------------------------------------------------------------------------- Torch-Pruning


class Pruned:
    """A network with its groups, gradients and importances."""

    def __init__(self, spec: Spec, name: str):
        self.net = net_of(spec, name)
        net = self.net
        self.arrays = {f"{layer}.weight": np.asarray(w) for layer, w in net.weights.items()}
        self.arrays |= {key: np.asarray(array) for key, array in net.others.items()}
        prefix = f"tp/{name}/group/"
        self.groups = [
            self._group(key.removeprefix(prefix), members)
            for key, members in spec.items()
            if key.startswith(prefix)
        ]
        self.images, self.labels = net.batch(0)

    def _group(self, root: str, members: list[str]) -> Group:
        found = []
        for text in members:
            module, role = text.split(":")
            if f"{module}.running_var" in self.arrays:
                found.append(Member(f"{module}.weight", 0, "norm"))
            else:
                axis = -1 if role == "out" else -2
                kind = "conv" if self.arrays[f"{module}.weight"].ndim == 4 else "linear"
                found.append(Member(f"{module}.weight", axis, role, layer=kind))
        return Group(root, self.arrays[f"{root}.weight"].shape[-1], tuple(found))

    def whole(self, group: Group) -> Group:
        """The group with the shifts and averages of its norms, which are cut with them."""
        members = list(group.members)
        for member in group.members:
            if member.role == "norm":
                module = member.path.removesuffix(".weight")
                for part in ("bias", "running_mean", "running_var"):
                    members.append(Member(f"{module}.{part}", 0, "norm"))
        return Group(group.name, group.size, tuple(members))

    @functools.cached_property
    def gradients(self) -> dict[str, np.ndarray]:
        return self._gradients(self.images, self.labels, slice(None))

    @functools.cached_property
    def last_gradients(self) -> dict[str, np.ndarray]:
        """Of the last image's loss, in a batch whose statistics are those of all."""
        return self._gradients(self.images, self.labels, slice(-1, None))

    def _gradients(self, images: Any, labels: Any, which: slice) -> dict[str, np.ndarray]:
        net = self.net

        def loss(arrays: Any) -> Any:
            weights = {layer: arrays[f"{layer}.weight"] for layer in net.layers}
            logits = net(weights, arrays, images, train=True)
            losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
            return losses[which].mean()

        values = {key: jnp.asarray(array) for key, array in self.arrays.items()}
        return {key: np.asarray(g) for key, g in jax.jit(jax.grad(loss))(values).items()}

    @functools.cache  # noqa: B019  a test's object
    def scores(self, kind: str) -> dict[str, np.ndarray]:
        """{root: importance of each channel}."""
        return {group.name: self._scores(kind, group) for group in self.groups}

    def _scores(self, kind: str, group: Group) -> np.ndarray:
        arrays = self.arrays
        if kind in RULES:
            power, together, scale = RULES[kind]
            return imp.importance(group, imp.norm_of(arrays, group, power), together, scale)
        if kind in ("taylor", "taylor_multi"):
            # the code asks for another function where it means batch norm, and so leaves it out
            signed = kind == "taylor_multi"
            return imp.taylor(group, arrays, self.gradients, signed=signed, norms=False)
        if kind == "hessian":
            # the code overwrites each image's gradient by that of the next
            return imp.hessian(group, arrays, self.last_gradients)
        return getattr(imp, {"bn_scale": "norm_scale"}.get(kind, kind))(group, arrays)

    @functools.cache  # noqa: B019
    def removed(self, kind: str, how: str, ratio: float) -> dict[str, list[int]]:
        """{root: removed channels}."""
        scores, groups = self.scores(kind), self.groups
        if how == "local":
            return choose.smallest_of_each(groups, scores, ratio)
        if how == "round":
            found = choose.smallest_of_each(groups, scores, ratio, multiple=MULTIPLE)
            for group in groups:
                # where less than one multiple would stay, the code removes nothing
                if int(group.size * (1 - ratio)) < MULTIPLE:
                    found[group.name] = []
            return found
        rule = choose.smallest_of_all if how == "global" else choose.smallest_of_equals
        return rule(groups, scores, ratio, ties="together")

    @functools.cache  # noqa: B019
    def smaller(self, kind: str, how: str, ratio: float) -> dict[str, np.ndarray]:
        removed = self.removed(kind, how, ratio)
        kept = {group.name: kept_of(group, removed[group.name]) for group in self.groups}
        return cut(self.arrays, [self.whole(group) for group in self.groups], kept)

    def logits(self, arrays: Any) -> Any:
        weights = {layer: arrays[f"{layer}.weight"] for layer in self.net.layers}
        return self.net(weights, arrays, self.images)


MULTIPLE = 4  # of the case "round"
RULES = {
    "l1_group": (1.0, "mean", "mean"),
    "l2_group": (2.0, "mean", "mean"),
    "l1_first": (1.0, "first", "none"),
    "l2_max": (2.0, "max", "max"),
    "l2_sum_raw": (2.0, "sum", "none"),
}


def torch_pruning(spec: Spec, inputs: Any, keys: list[str]) -> Found:
    """tp/*"""
    nets: dict[str, Pruned] = {}
    for key in keys:
        _, name, kind, how, last, *what = key.split("/")
        if name not in nets:
            nets[name] = Pruned(spec, name)
        net = nets[name]
        if how == "importance":
            yield key, net.scores(kind)[last]
            continue
        case = (kind, how, float(last.removeprefix("ratio")))
        if not what:
            yield key, {root: gone for root, gone in net.removed(*case).items() if gone}
            continue
        smaller = net.smaller(*case)
        if what == ["channels"]:
            convs = [layer for layer in net.net.layers if layer != "fc"]
            yield key, np.array([smaller[f"{layer}.weight"].shape[-1] for layer in convs])
        elif what == ["params"]:
            learned = [a for n, a in smaller.items() if "running" not in n]
            yield key, np.int64(sum(array.size for array in learned))
        elif what == ["logits"]:
            yield key, np.asarray(net.logits(smaller))


# ----------------------------------------------------------------------------------------- AMC


class MobileNet:
    """The recording's small MobileNet: a stem, then depthwise and pointwise pairs."""

    def __init__(self, spec: Spec):
        self.seed = spec["seed"]
        self.spec = spec["amc/net"]
        self.before = spec["amc/layers"]["buffers"]
        self.layers = spec["amc/layers"]["prunable"]
        self.arrays = {}
        for key, shape in self.spec["entries"]:
            name = key.removeprefix("amc.")
            array = fill(key, shape, self.seed)
            self.arrays[name] = ours(array) if len(shape) > 1 else array

    def __call__(self, weights: Any, x: Any, train: bool = False) -> tuple[Any, dict]:
        """Logits, and {layer: (its input, its output)} without biases' names."""
        seen = {}

        def layer(name: str, x: Any, stride: int) -> Any:
            kernel = weights[f"{name}.weight"]
            if name.startswith("dw"):
                y = jax.lax.conv_general_dilated(
                    x,
                    kernel,
                    (stride, stride),
                    [(1, 1), (1, 1)],
                    dimension_numbers=("NHWC", "HWIO", "NHWC"),
                    feature_group_count=x.shape[-1],
                )
            else:
                y = conv(x, kernel, stride)
            seen[name] = (x, y)
            mean, var = (weights[f"{name}_bn.running_{part}"] for part in ("mean", "var"))
            if train:
                mean, var = y.mean((0, 1, 2)), y.var((0, 1, 2))
            y = (y - mean) / jnp.sqrt(var + 1e-5) * weights[f"{name}_bn.weight"]
            return jax.nn.relu(y + weights[f"{name}_bn.bias"])

        x = layer("stem", x, 1)
        for number, (_, stride) in enumerate(self.spec["blocks"], start=1):
            x = layer(f"dw{number}", x, stride)
            x = layer(f"pw{number}", x, 1)
        x = x.mean((1, 2))
        logits = x @ weights["fc.weight"] + weights["fc.bias"]
        seen["fc"] = (x, logits)
        return logits, seen

    def batch(self, i: int) -> tuple[Any, Any]:
        spec = self.spec
        return batch(self.seed, spec["batch"], spec["size"], spec["classes"], i)


def amc(spec: Spec, inputs: Any, keys: list[str]) -> Found:
    """amc/*"""
    net = MobileNet(spec)
    episodes: dict[int, dict[str, Any]] = {}
    start = Start(net, inputs)
    for key in keys:
        _, what, *rest = key.split("/")
        if what == "flops":
            order = [*net.layers, *(name for names in net.before.values() for name in names)]
            yield key, np.array([start.costs[name] for name in order])
        elif what == "features":
            layer, side = rest
            yield key, start.features[layer][side == "output"]
        elif what == "original_accuracy":
            yield key, start.accuracy(start.arrays)
        elif what == "state_table":
            yield key, start.table
        elif what.startswith("episode"):
            number = int(what.removeprefix("episode"))
            if number not in episodes:
                episodes[number] = episode(start, inputs["amc/actions"][number])
            name = "/".join(rest)
            if name in episodes[number]:
                yield key, episodes[number][name]


class Start:
    """What is known before the first episode."""

    def __init__(self, net: MobileNet, inputs: Any):
        self.net = net
        self.arrays = net.arrays
        self.run = jax.jit(lambda weights, x: net(weights, x)[0])
        self.costs = self._costs()
        self.features = self._features(inputs)
        self.table = self._table()

    def _costs(self) -> dict[str, float]:
        """{layer: multiply-adds}."""
        _, seen = jax.eval_shape(self.net, self.arrays, self.net.batch(0)[0])
        costs = {}
        for name, (_, outputs) in seen.items():
            kernel = self.arrays[f"{name}.weight"]
            positions = np.prod(outputs.shape[1:-1], dtype=int)
            costs[name] = float(kernel.size * positions)
        costs["fc"] += self.arrays["fc.bias"].size  # as the authors' code
        return costs

    def _features(self, inputs: Any) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """{layer: (inputs, outputs) at the sampled positions}, taken in training mode."""
        parts: dict[str, list] = {name: [] for name in self.net.layers if name != "stem"}
        forward = jax.jit(functools.partial(self.net, train=True))
        for number in range(self.net.spec["batches"]):
            images, _ = self.net.batch(number)
            _, seen = forward(self.arrays, images)
            for name, found in parts.items():
                pair = [np.asarray(side) for side in seen[name]]
                if name != "fc":
                    rows, columns = inputs[f"amc/points/{name}/batch{number}"]
                    # positions first, then images
                    pair = [side[:, rows, columns] for side in pair]
                    pair = [side.reshape(-1, side.shape[-1]) for side in pair]
                found.append(pair)
        joined = {}
        for name, found in parts.items():
            ins, outs = (np.concatenate(sides) for sides in zip(*found, strict=True))
            joined[name] = (ins, outs)
        return joined

    def accuracy(self, arrays: Any) -> float:
        """Top-1 of all batches, in percent."""
        right = []
        for number in range(self.net.spec["batches"]):
            images, labels = self.net.batch(number)
            right.append(np.argmax(self.run(arrays, images), -1) == labels)
        return float(100 * np.mean(right))

    def _table(self) -> np.ndarray:
        strides = {"stem": 1, "fc": 0}
        rows = []
        for number, name in enumerate(self.net.layers):
            kernel = self.arrays[f"{name}.weight"]
            side = kernel.shape[0] if kernel.ndim == 4 else 1
            outputs, inputs = kernel.shape[-1], kernel.shape[-2]
            linear = kernel.ndim == 2
            rows.append(
                [number, linear, inputs, outputs, strides.get(name, 1), side, kernel.size, 0, 0, 1]
            )
        table = np.array(rows, float)
        columns = table[:, :7]
        least, most = columns.min(0), columns.max(0)
        spread = np.where(most > least, most - least, 1.0)
        table[:, :7] = np.where(most > least, (columns - least) / spread, columns)
        return table


def episode(start: Start, actions: np.ndarray) -> dict[str, Any]:
    """One way through the network: for each layer the wall, the rounding, the weights."""
    net, spec = start.net, start.net.spec
    walk = reconstruct.Walk(start.costs, net.before, spec["lbound"])
    arrays = dict(start.arrays)
    found: dict[str, Any] = {}
    walls, ratios, channels = [], [], []
    states = [start.table[0].copy()]
    order = [*net.layers, *(name for names in net.before.values() for name in names)]
    flops = np.array([start.costs[name] for name in order])
    sizes = {name: start.arrays[f"{name}.weight"].size for name in start.costs}
    biases = {"fc": start.arrays["fc.bias"].size}
    params = sum(sizes.values()) + sum(biases.values())
    first = net.layers[0]
    states[0][-3:] = [0.0, (params - sizes[first]) / params, 1.0]
    for number, name in enumerate(net.layers):
        kernel = start.arrays[f"{name}.weight"]
        inputs = kernel.shape[-2]
        if number == 0:
            walls.append(1.0)
            count = inputs
        else:
            action = walk.wall(number, float(actions[number]), spec["preserve"])
            walls.append(action)
            count = max(1, round(inputs * action))
            count = reconstruct.rounded_up(count, spec["round"], inputs)
            kept = reconstruct.largest_inputs(kernel, count)
            found[f"kept/{name}"] = kept
            ins, outs = start.features[name]
            fitted = reconstruct.refit(ins[:, kept], outs)
            smaller = np.zeros(kernel.shape)
            smaller[..., kept, :] = fitted
            arrays[f"{name}.weight"] = smaller
            found[f"weight/{name}"] = theirs(smaller)
        walk.ratios[number] = count / inputs
        ratios.append(count / inputs)
        channels.append(count)
        row = start.table[min(number + 1, len(net.layers) - 1)].copy()
        # after the last layer the row repeats
        if number + 1 < len(net.layers):
            rest = flops[number + 2 :].sum()
            row[-3:] = [1 - walk.cost() / walk.total, rest / walk.total, ratios[-1]]
            states.append(row)
        else:
            states.append(states[-1])
    accuracy = start.accuracy(arrays)
    found |= {
        "after_wall": np.array(walls),
        "ratio": np.array(ratios),
        "channels": np.array(channels),
        "states": np.array(states),
        "compress_ratio": walk.cost() / walk.total,
        "accuracy": accuracy,
        "reward": accuracy * 0.01,
        "logits": np.asarray(start.run(arrays, net.batch(0)[0])),
    }
    return found


# ----------------------------------------------------------------------------------------- HAQ


def haq(spec: Spec, inputs: Any, keys: list[str]) -> Found:
    """haq/*"""
    clusters = functools.cache(lambda b, rounds: quantisers.kmeans(inputs["haq/weight"], b, rounds))
    layers = functools.cache(lambda name: convolution(inputs, name))
    walls = functools.cache(lambda name: wall(spec[f"haq/wall/{name}"], inputs, name))
    for key in keys:
        _, what, *rest = key.split("/")
        if what == "action_to_bits":
            least, most = spec[key]["bits"]
            yield key, [bits.bits_of_action(a, least, most) for a in spec[key]["actions"]]
        elif what == "calibrate":
            yield key, quantisers.calibrated_limit(drawn_values(spec, rest[0]), int(rest[1][1:]))
        elif rest == ["update"]:
            centroids, labels = clusters(2, 50)
            moved = inputs["haq/kmeans/moved"]
            yield key, quantisers.means_of(moved, labels, centroids)[labels]
        elif what == "kmeans":
            centroids, labels = clusters(int(rest[0][1:]), int(rest[1][4:]))
            yield key, centroids if rest[2] == "centroids" else centroids[labels]
        elif what == "linear":
            yield key, layers("/".join(rest[:2]))[rest[2]]
        elif what == "wall":
            found = walls(rest[0])
            if rest[1] in found:
                yield key, found[rest[1]]


def drawn_values(spec: Spec, name: str) -> np.ndarray:
    settings = spec["haq/calibrate"][name]
    arguments = [settings["df"]] if "df" in settings else []
    return getattr(gen(spec["seed"], settings["stream"]), settings["law"])(
        *arguments, settings["n"]
    )


def convolution(inputs: Any, name: str) -> dict[str, np.ndarray]:
    """A quantised convolution, and the gradients of the sum of its squared outputs."""
    numbers, kind = name.split("/")
    weight_bits, activation_bits = (int(n) for n in re.findall(r"\d+", numbers))
    signed = kind == "full"
    x = jnp.asarray(inputs[f"haq/linear/input_{kind}"])

    def quantised(weight: Any, x: Any, limit: Any) -> tuple[Any, Any]:
        w = quantisers.linear_weights(weight, weight_bits)
        return w, quantisers.linear_activations(x, limit, activation_bits, signed)

    def outputs(weight: Any, x: Any, limit: Any) -> Any:
        w, a = quantised(weight, x, limit)
        return jax.lax.conv_general_dilated(a, w, (1, 1), "VALID")

    given = (jnp.asarray(inputs["haq/weight"]), x, jnp.full((1,), LIMIT))
    slopes = jax.grad(lambda *args: (outputs(*args) ** 2).sum(), argnums=(0, 1, 2))(*given)
    w, a = quantised(*given)
    names = ("weight", "activation", "output", "grad_weight", "grad_input", "grad_range")
    return dict(zip(names, map(np.asarray, (w, a, outputs(*given), *slopes)), strict=True))


LIMIT = 2.0  # of the activations


def wall(settings: Spec, inputs: Any, name: str) -> dict[str, Any]:
    """Bits after a wall, their cost and the original's."""
    if "sizes" in settings:
        sizes = settings["sizes"]
        original = settings["float_bit"] * sum(sizes)
        limit = settings["ratio"] * original
        least = settings["min_bit"]
        try:
            after = bits.size_wall(settings["before"], sizes, limit, least)
        except UserError:  # the authors' code ends above the budget without a word
            after = [min(bit, least) for bit in settings["before"]]
        cost = sum(bit * size for bit, size in zip(after, sizes, strict=True))
        return {"after": after, "cost": cost, "original": original}
    table = inputs[f"haq/wall/{name}/table"]

    def cost_of(pairs: Any) -> float:
        return float(sum(table[i, w - 1, a - 1] for i, (w, a) in enumerate(pairs)))

    def hold(pairs: list[list[int]]) -> None:
        # -1 then reads the table at the last index but one, as the authors' code does
        pairs[0], pairs[-1] = [8, -1], [8, 8]

    original = float(table[:, 7, 7].sum())
    limit = settings["ratio"] * original
    after = bits.latency_wall(settings["before"], cost_of, limit, settings["min_bit"], hold)
    return {"after": after, "cost": cost_of(after), "original": original}


SYSTEMS: dict[str, Callable[..., Found]] = {"tp": torch_pruning, "amc": amc, "haq": haq}
