"""Recorded values of momentum contrast, prototypes and evaluation.

Arrays are rebuilt from names, as ../shared/parity/SELFSUP.md has it. Weights are (out, in) there
and (in, out) here.
"""

import functools
import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.tasks.pretraining.contrast.clusters import (
    Clusters,
    against_drawn,
    concentration,
    k_means,
    prototype_logits,
)
from effjax.tasks.pretraining.contrast.losses import batch_nce, info_nce, queue_logits
from effjax.tasks.pretraining.contrast.selected import (
    selected_nce,
    swapped_prediction,
)
from effjax.tasks.pretraining.frozen_features import neighbour_votes, share_in_top
from effjax.tasks.pretraining.heads import Projector
from effjax.tasks.pretraining.self_distillation.losses import sinkhorn
from effjax.tasks.pretraining.teacher import follow, push, unit
from effjax.tasks.ranking import interpolated_average_precision
from tests.parity.fill import fill

Pairs = Iterator[tuple[str, Any]]


class Case:
    """What a case draws and which weights it has."""

    def __init__(self, spec: Any, name: str):
        self.name = name
        self.sizes = spec["cases"][name]
        self._seed = spec["seed"]

    def draw(self, name: str) -> jax.Array:
        """The array `name`, as the pattern of `draws` that it matches says."""
        # "query{t}" is query0, query1, ...
        draws = self.sizes["draws"]
        numbered = re.sub(r"\d+$", "{t}", name)
        shape, factor = draws[name] if name in draws else draws[numbered]
        seed = [self._seed, zlib.crc32(f"{self.name}/{name}".encode())]
        rng = np.random.Generator(np.random.PCG64(seed))
        x = rng.standard_normal(tuple(shape)).astype(np.float32).astype(np.float64)
        if factor == "unit":
            return jnp.asarray(x / np.linalg.norm(x, axis=-1, keepdims=True))
        return jnp.asarray(factor * x)

    def weights(self, prefix: str) -> dict[str, jax.Array]:
        """{name after the prefix: array}, in the order of the recording."""
        start = f"{self.name}/{prefix}/"
        found = {}
        for name, shape in self.sizes["weights"]:
            if name.startswith(start):
                array = fill(name, shape, self._seed).astype(np.float64)
                found[name.removeprefix(start)] = jnp.asarray(array)
        return found


def linear(weights: dict[str, jax.Array], name: str, x: jax.Array) -> jax.Array:
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"][None]


def encode(weights: dict[str, jax.Array], x: jax.Array) -> jax.Array:
    """The encoder of the recordings: linear, ReLU, and one or two linear layers; unit length."""
    hidden = jax.nn.relu(linear(weights, "body", x))
    if "fc.0.weight" not in weights:
        return unit(linear(weights, "fc", hidden))
    return unit(linear(weights, "fc.2", jax.nn.relu(linear(weights, "fc.0", hidden))))


def flat(weights: dict[str, jax.Array], order: Iterable[str]) -> jax.Array:
    # a map over a dict sorts its names
    return jnp.concatenate([weights[name].ravel() for name in order])


# --------------------------------------------------------------------------- MoCo v1 and v2


def moco(name: str, spec: Any, inputs: Any, keys: list[str]) -> Pairs:
    """The trajectory of a few steps of SGD."""
    case = Case(spec, name)
    sizes = case.sizes
    student = case.weights("encoder")
    order = list(student)
    teacher = student
    velocity = jax.tree.map(jnp.zeros_like, student)
    queue = case.draw("queue0")
    pointer = jnp.zeros((), jnp.int32)
    valid = jnp.ones(sizes["B"])
    stored: dict[str, list[Any]] = {}

    def loss(student: Any, images: Any, key: Any, queue: Any) -> Any:
        logits = queue_logits(encode(student, images), key, queue, sizes["temperature"])
        return info_nce(logits).mean(), logits

    gradient = jax.jit(jax.value_and_grad(loss, has_aux=True))
    embed = jax.jit(encode)
    for step in range(sizes["steps"]):
        teacher = follow(teacher, student, sizes["momentum"])
        key = embed(teacher, case.draw(f"key{step}"))
        images = case.draw(f"query{step}")
        (value, logits), grads = gradient(student, images, key, queue)
        queue, pointer = push(queue, pointer, key, valid)
        if step == 0:
            for parameter, grad in grads.items():
                yield f"{name}/grad0/{parameter}", grad
        rate, heavy = sizes["sgd"]["lr"], sizes["sgd"]["momentum"]
        velocity = jax.tree.map(lambda v, g, heavy=heavy: heavy * v + g, velocity, grads)
        student = jax.tree.map(lambda w, v, rate=rate: w - rate * v, student, velocity)
        values = {
            "logits": logits,
            "loss": value,
            "queue": queue.T,
            "pointer": pointer,
            "encoder_q": flat(student, order),
            "encoder_k": flat(teacher, order),
        }
        for kind, array in values.items():
            stored.setdefault(kind, []).append(array)
    for kind, arrays in stored.items():
        yield f"{name}/{kind}", np.stack([np.asarray(array) for array in arrays])


# ----------------------------------------------------------------------------------- MoCo v3


def to_projector(weights: dict[str, jax.Array], prefix: str) -> dict[str, Any]:
    """The parameters of `Projector`: layers come as linear, norm, ReLU, linear, ..."""
    params: dict[str, Any] = {}
    linears = [name for name in weights if name.startswith(prefix) and weights[name].ndim == 2]
    for number, name in enumerate(linears):
        place = int(name.removeprefix(prefix).split(".")[0])
        params[f"fc{number}"] = {"kernel": weights[name].T}
        scale = f"{prefix}{place + 1}.weight"
        if scale in weights:
            bias = weights[f"{prefix}{place + 1}.bias"]
            params[f"bn{number}"] = {"scale": weights[scale], "bias": bias}
    return params


def projected(weights: dict[str, jax.Array], prefix: str, x: jax.Array) -> jax.Array:
    """The output of a head with batch norm, in training."""
    params = to_projector(weights, prefix)
    layers = [tree["kernel"].shape for name, tree in params.items() if name.startswith("fc")]
    head = Projector(len(layers), layers[0][1], layers[-1][1], norm=True, dtype=jnp.float64)
    fresh = head.init(jax.random.key(0), x, None)
    variables = {**fresh, "params": params}
    out, _ = head.apply(variables, x, jnp.arange(len(x)), mutable=["batch_stats"])
    return out


def learned(weights: dict[str, jax.Array]) -> dict[str, jax.Array]:
    return {name: array for name, array in weights.items() if "running" not in name}


def moco_v3(spec: Any, inputs: Any, keys: list[str]) -> Pairs:
    """One step without an update: loss, gradients and the teacher."""
    case = Case(spec, "mocov3")
    temperature = case.sizes["temperature"]
    base = learned(case.weights("base"))
    predictor = learned(case.weights("predictor"))
    teacher = follow(learned(case.weights("momentum")), base, case.sizes["momentum"])
    views = case.draw("x1"), case.draw("x2")

    def project(weights: dict[str, jax.Array], x: jax.Array) -> jax.Array:
        return projected(weights, "head.", jax.nn.relu(linear(weights, "body", x)))

    targets = [unit(project(teacher, view)) for view in views]

    def loss(base: Any, predictor: Any) -> jax.Array:
        total = 0.0
        for view, target in zip(views, reversed(targets)):
            query = unit(projected(predictor, "", project(base, view)))
            total += batch_nce(query, target, 0, temperature).mean()
        return total

    value, grads = jax.jit(jax.value_and_grad(loss, (0, 1)))(base, predictor)
    yield "mocov3/loss", value
    for part, tree in zip(("base_encoder", "predictor"), grads):
        names = [str(name) for name in inputs[f"mocov3/{part}/names"]]
        yield f"mocov3/{part}/grad_l2", np.array([np.linalg.norm(tree[name]) for name in names])
        yield f"mocov3/{part}/grad_sum", np.array([float(tree[name].sum()) for name in names])
    order = [str(name) for name in inputs["mocov3/base_encoder/names"]]
    yield "mocov3/momentum_after", flat(teacher, order)
    yield "mocov3/base_flat", flat(base, order)

    def plain(query: jax.Array) -> jax.Array:
        return batch_nce(unit(query), unit(case.draw("k")), 0, temperature).mean()

    value, grad = jax.jit(jax.value_and_grad(plain))(case.draw("q"))
    yield "mocov3/contrastive/loss", value
    yield "mocov3/contrastive/grad_q", grad


# -------------------------------------------------------------------------------- prototypes


def pcl(spec: Any, inputs: Any, keys: list[str]) -> Pairs:
    """One step with given clusterings."""
    case = Case(spec, "pcl")
    sizes = case.sizes
    student = case.weights("encoder")
    teacher = follow(case.weights("key_encoder"), student, sizes["momentum"])
    key = encode(teacher, case.draw("key"))
    queue = jnp.asarray(inputs["pcl/queue0"]).T
    index = inputs["pcl/index"]
    count = len(sizes["clusters"])

    def terms(student: Any) -> tuple[jax.Array, dict[str, Any]]:
        query = encode(student, case.draw("query"))
        logits = queue_logits(query, key, queue, sizes["temperature"])
        found = {"logits": logits, "info_nce": info_nce(logits).mean()}
        losses = []
        for j in range(count):
            centroids, phi = (jnp.asarray(inputs[f"pcl/{n}{j}"]) for n in ("centroids", "density"))
            own = jnp.asarray(inputs[f"pcl/im2cluster{j}"][index])
            drawn = jnp.asarray(inputs[f"pcl/negatives{j}"])
            candidates = jnp.concatenate([own, drawn])
            found[f"proto_logits{j}"] = prototype_logits(query, centroids, phi, candidates)
            found[f"proto_labels{j}"] = np.arange(len(own))
            losses.append(against_drawn(query, centroids, phi, own, drawn, 0).mean())
        found["proto_nce"] = jnp.stack(losses)
        found["loss"] = found["info_nce"] + found["proto_nce"].mean()
        return found["loss"], found

    (_, found), grads = jax.jit(jax.value_and_grad(terms, has_aux=True))(student)
    for name, value in found.items():
        yield f"pcl/{name}", value
    for name, grad in grads.items():
        yield f"pcl/grad/{name}", grad
    written, _ = push(queue, jnp.zeros((), jnp.int32), key, jnp.ones(sizes["B"]))
    yield "pcl/queue", written.T
    yield "pcl/encoder_k_after", flat(teacher, case.weights("encoder"))
    yield "pcl/eval_embedding", encode(teacher, case.draw("key"))


def pcl_phi(spec: Any, inputs: Any, keys: list[str]) -> Pairs:
    """Assignments and concentrations of given centroids."""
    from effjax.tasks.pretraining.contrast.clusters import nearest

    sizes = spec["cases"]["pcl_phi"]
    x = jnp.asarray(inputs["pcl_phi/features"])
    for j in range(len(sizes["clusters"])):
        centroids = jnp.asarray(inputs[f"pcl_phi/centroids{j}"])
        assigned, squares = nearest(x, centroids)
        clusters = Clusters(centroids, assigned, squares.sum())
        yield f"pcl_phi/im2cluster{j}", np.asarray(assigned, np.int64)
        yield f"pcl_phi/density{j}", concentration(x, clusters, sizes["temperature"])
        yield f"pcl_phi/normalised{j}", unit(centroids)


def kmeans(spec: Any, inputs: Any, keys: list[str]) -> Pairs:
    """The cost of the best of five restarts."""
    case = Case(spec, "kmeans")
    which = inputs["kmeans/which"]
    x = unit(case.draw("centres")[which] + case.draw("noise")).astype(jnp.float32)
    for j, count in enumerate(case.sizes["clusters"]):
        found = jax.jit(k_means, static_argnums=2)(jax.random.key(j), x, count)
        yield f"kmeans/objective{j}", found.cost


def pgcl(spec: Any, inputs: Any, keys: list[str]) -> Pairs:
    """Balanced assignments, swapped prediction, and contrast as its code has it."""
    case = Case(spec, "pgcl")
    sizes = case.sizes
    temperature = sizes["temperature"]
    prototypes = unit(case.draw("prototypes"))
    views = [case.draw("embedding0"), case.draw("embedding1")]
    scores = [view @ prototypes.T for view in views]
    assigned = []
    for number, own in enumerate(scores):
        assignment = sinkhorn(own, sizes["epsilon"], rounds=sizes["iterations"])
        yield f"pgcl/assignment{number}", assignment
        assigned.append(assignment)
    crossed = zip(assigned, reversed(scores))
    yield "pgcl/consistency", jnp.stack([swapped_prediction(q, s, temperature) for q, s in crossed])
    for select in ("selected", "all"):
        for weights in ("plain", "reweighted"):

            def loss(view: jax.Array, select: str = select, weights: str = weights) -> jax.Array:
                return selected_nce(
                    view,
                    views[1],
                    tuple(assigned),
                    prototypes,
                    temperature,
                    select=select == "selected",
                    reweight=weights == "reweighted",
                    published=True,
                )

            value, grad = jax.jit(jax.value_and_grad(loss))(views[0])
            yield f"pgcl/{select}_{weights}/loss", value
            yield f"pgcl/{select}_{weights}/grad0", grad


# -------------------------------------------------------------------------------- evaluation


def low_shot(spec: Any, inputs: Any, keys: list[str]) -> Pairs:
    """Average precision of each class."""
    targets, scores = inputs["low_shot/targets"], inputs["low_shot/scores"]
    found = []
    for column in range(targets.shape[1]):
        positive = targets[:, column] > 0.5
        found.append(interpolated_average_precision(scores[:, column], positive))
    yield "low_shot/average_precision", np.array(found)


def knn(spec: Any, inputs: Any, keys: list[str]) -> Pairs:
    """Top-1 and top-5 of DINO's weighted k-NN, in per cent."""
    case = Case(spec, "knn")
    labels = {part: inputs[f"knn/{part}_labels"] for part in ("train", "test")}
    features = {}
    for part, own in labels.items():
        features[part] = np.asarray(unit(case.draw("centres")[own] + case.draw(part)))
    for key in keys:
        count = re.fullmatch(r"knn/top(\d+)", key)
        if not count:
            continue
        votes = neighbour_votes(
            features["train"],
            labels["train"],
            features["test"],
            case.sizes["classes"],
            int(count[1]),
            case.sizes["temperature"],
        )
        shares = [share_in_top(votes, labels["test"], top) for top in (1, 5)]
        yield key, 100 * np.array(shares)


# prefix of the keys -> (spec, inputs, keys) -> (key, value)
CONTRAST = {
    "moco_v1/": functools.partial(moco, "moco_v1"),
    "moco_v2/": functools.partial(moco, "moco_v2"),
    "mocov3/": moco_v3,
    "pcl/": pcl,
    "pcl_phi/": pcl_phi,
    "kmeans/": kmeans,
    "pgcl/": pgcl,
    "low_shot/": low_shot,
    "knn/": knn,
}
