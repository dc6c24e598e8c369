"""Computes the recorded values of encodings of architectures (../shared/parity/SEARCH.md)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.search.encodings import computation_transformer as cate
from effjax.search.encodings import graph_autoencoder as arch2vec
from tests.parity.search_networks import fill

Pairs = Iterator[tuple[str, Any]]
NORMS = re.compile(r"(batch_norms|norms?)(_\d+)?$")


def compute(
    spec: Mapping[str, Any], inputs: Mapping[str, np.ndarray], keys: Iterable[str]
) -> Pairs:
    """(key, value) of those of `keys` that can be computed here."""
    asked = set(keys)
    for prefix, group in {"arch2vec/": graphs, "cate/": computations}.items():
        if not any(key.startswith(prefix) for key in asked):
            continue
        for key, value in group(spec, inputs, asked):
            if key in asked:
                yield key, value


def parameters(entries: Iterable[Any], prefix: str, seed: int, path_of: Any) -> dict[str, Any]:
    """Our parameters from the names of the recording; `path_of` says where a name is."""
    tree: dict[str, Any] = {}
    for name, shape in entries:
        if "running_" in name:
            continue
        holder = tree
        *holders, leaf = path_of(name.removeprefix(prefix), shape)
        for part in holders:
            holder = holder.setdefault(part, {})
        weight = fill(name, shape, seed)
        holder[leaf] = weight.T if leaf == "kernel" else weight
    return tree


def lengths(
    grads: Any, names: Iterable[str], shapes: Mapping[str, Any], path_of: Any
) -> np.ndarray:
    """The L2 norm of each gradient, in the recording's order; 0 for what nothing uses."""
    found = []
    for name in names:
        part = grads
        for step in path_of(name, shapes[name]):
            part = part.get(step, {}) if isinstance(part, dict) else part
        found.append(0.0 if isinstance(part, dict) else np.linalg.norm(np.asarray(part).ravel()))
    return np.array(found)


# ----------------------------------------------------------------------------------- arch2vec


def graph_path(name: str, shape: Any) -> list[str]:
    """eps, or [layer, leaf]."""
    if name == "eps":
        return ["eps"]
    *parts, leaf = name.replace("decoder.weight.", "decoder_weight.").split(".")
    if leaf == "weight":
        leaf = "kernel" if len(shape) > 1 else "scale"
    return ["_".join(parts), leaf]


def graphs(spec: Mapping[str, Any], inputs: Mapping[str, np.ndarray], asked: set[str]) -> Pairs:
    told, seed = spec["arch2vec/model"], spec["seed"]
    entries = told["entries"]
    net = arch2vec.GraphAutoencoder(told["input"], told["hidden"], told["latent"], told["hops"])
    adjacency = arch2vec.symmetric(jnp.asarray(inputs["graphs/adjacency"], float))
    operations = jax.nn.one_hot(inputs["graphs/operations"], told["input"], dtype=float)
    yield "arch2vec/adjacency_in", adjacency
    params = parameters(entries, "a2v.", seed, graph_path)
    statistics: dict[str, Any] = {}
    for name, shape in entries:
        if "running_" in name:
            *parts, leaf = name.removeprefix("a2v.").split(".")
            own = statistics.setdefault("_".join(parts), {})
            own[leaf.removeprefix("running_")] = fill(name, shape, seed)
    shapes = {name.removeprefix("a2v."): shape for name, shape in entries}
    training = {
        "examples": jnp.arange(len(operations)),
        "noise": inputs["arch2vec/train/eps"],
        "keep": inputs["arch2vec/train/keep"],
    }
    for mode, options in (("eval", {}), ("train", training)):

        def loss(params: Any, options: Any = options) -> Any:
            variables = {"params": params, "batch_stats": statistics}
            decoded, _ = net.apply(
                variables, operations, adjacency, **options, mutable=["batch_stats"]
            )
            return arch2vec.loss(decoded, operations, adjacency), decoded

        (value, decoded), grads = jax.value_and_grad(loss, has_aux=True)(params)
        yield f"arch2vec/{mode}/loss", value
        yield f"arch2vec/{mode}/mu", decoded.mu
        yield f"arch2vec/{mode}/logvar", decoded.log_deviation
        yield f"arch2vec/{mode}/ops", decoded.operations
        yield f"arch2vec/{mode}/adj", decoded.edges
        names = spec["arch2vec/gradient_names"]
        yield f"arch2vec/{mode}/grad_l2", lengths(grads, names, shapes, graph_path)


# --------------------------------------------------------------------------------------- CATE


def transformer_path(name: str, shape: Any) -> list[str]:
    """[encoder, layer, (linear,) leaf]."""
    alone = {"opEmb.w2e.weight": "embedding", "segEmb.t2e.weight": "segments"}
    if name in alone:
        return [alone[name]]
    *parts, leaf = name.replace("encoder_f.", "").removeprefix("cls.").split(".")
    joined = re.sub(r"\.(\d+)", r"_\1", ".".join(parts))
    joined = joined.replace("feed_forward.feed_forward", "feed_forward")
    encoder, _, rest = joined.partition(".")
    found = [encoder]
    if rest:
        layer, _, linear = rest.partition(".linears")
        found.append(layer.replace(".", "_"))
        if linear:
            found.append(f"linears{linear}")
    if leaf == "weight":
        leaf = "kernel" if len(shape) > 1 else "scale"
    return [*found, leaf]


def computations(
    spec: Mapping[str, Any], inputs: Mapping[str, np.ndarray], asked: set[str]
) -> Pairs:
    told, seed = spec["cate/model"], spec["seed"]
    sizes = inputs["cate/sizes"]
    nodes = int(sizes.max())
    vocabulary = cate.Vocabulary(told["vocabulary"], told["PAD"], told["MASK"])
    net = cate.ComputationTransformer(
        told["vocabulary"],
        told["d"],
        told["heads"],
        told["layers_graph"],
        told["ff_graph"],
        told["layers_cross"],
        told["ff_cross"],
    )
    entries = told["entries"]
    params = parameters(entries, "cate.", seed, transformer_path)
    operations, closures = [], []
    for number in range(len(sizes)):
        operations.append(inputs[f"cate/graph{number}/operations"])
        closures.append(cate.transitive_closure(inputs[f"cate/graph{number}/adjacency"]))
        yield f"cate/graph{number}/closure", closures[-1]
    batch = _batch(operations, closures, told, inputs["cate/uniform"], vocabulary, nodes)
    for name, value in batch.items():
        yield f"cate/batch/{name}", value

    def loss(params: Any) -> Any:
        said = net.apply(
            {"params": params},
            (batch["X"], batch["maskX"]),
            (batch["Y"], batch["maskY"]),
            batch["maskXY"],
        )
        value, count = cate.smoothed_loss(
            said, batch["labels"], vocabulary.padding, told["label_smoothing"]
        )
        return value, (said, count)

    (value, (said, count)), grads = jax.value_and_grad(loss, has_aux=True)(params)
    yield "cate/loss", value
    yield "cate/tokens", count
    yield "cate/log_probabilities", said
    shapes = {name.removeprefix("cate."): shape for name, shape in entries}
    names = spec["cate/gradient_names"]
    yield "cate/grad_l2", lengths(grads, names, shapes, transformer_path)
    tokens = np.stack([_padded(one, nodes, vocabulary.padding) for one in operations])
    masks = np.stack([_padded(one, nodes, 0) for one in closures])
    states = net.apply({"params": params}, tokens, masks, method="states")
    yield "cate/states", states
    yield "cate/embedding", states[:, -1]
    for key in asked:
        named = re.fullmatch(r"cate/pairs/K(\d+)D(.+)", key)
        if named is not None:
            costs = inputs["cate/pairs/params"]
            found = cate.similar_pairs(costs, int(named[1]), float(named[2]))
            yield key, np.array(found)


def _padded(values: Any, nodes: int, padding: int) -> np.ndarray:
    values = np.asarray(values)
    widths = [(0, nodes - side) for side in values.shape]
    return np.pad(values, widths, constant_values=padding)


def _batch(
    operations: Any, closures: Any, told: Any, uniform: np.ndarray, vocabulary: Any, nodes: int
) -> dict[str, np.ndarray]:
    """Corrupted pairs, as the authors put them together."""
    columns: dict[str, list[Any]] = {}
    place = 0
    for pair in told["pairs"]:
        labels = []
        real = []
        for side, number in zip("XY", pair):
            shown, own, used = cate.corrupt(
                operations[number], uniform[place:], vocabulary, told["corruption_rate"]
            )
            place += used
            columns.setdefault(side, []).append(_padded(shown, nodes, vocabulary.padding))
            labels.append(_padded(own, nodes, vocabulary.padding))
            closure = _padded(closures[number], nodes, 0).astype(float)
            columns.setdefault(f"mask{side}", []).append(closure)
            real.append(np.arange(nodes) < len(shown))
        both = np.concatenate(real)
        columns.setdefault("maskXY", []).append(np.outer(both, both).astype(float))
        columns.setdefault("labels", []).append(np.concatenate(labels))
    return {name: np.stack(values) for name, values in columns.items()}
