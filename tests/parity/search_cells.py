"""Computes the recorded values of cell spaces, DARTS and PR-DARTS (../shared/parity/SEARCH.md)."""

import functools
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax.models.families.nasbench201 import (
    EDGES,
    OPERATIONS,
    is_connected,
    read_cell,
    unique_text,
)
from effjax.search.cells import gates
from effjax.search.cells.genotype import best_inputs, best_pairs
from effjax.search.cells.hypergradient import exact, finite_difference
from effjax.search.cells.supernet import CELL_TYPES
from tests.parity.search_networks import fill, images_and_labels
from tests.parity.search_supernet import (
    filled,
    norm_of,
    parameters,
    place,
    plain_convolutions,
    space_of,
    supernet_of,
)

Pairs = Iterator[tuple[str, Any]]
# each program runs a few times on tiny maps: the compiler's effort would be most of the time
QUICKLY = {"xla_backend_optimization_level": 0}
jit = functools.partial(jax.jit, compiler_options=QUICKLY)


def compute(
    spec: Mapping[str, Any], inputs: Mapping[str, np.ndarray], keys: Iterable[str]
) -> Pairs:
    """(key, value) of those of `keys` that can be computed here."""
    asked = set(keys)
    groups = {
        "nb201/": nasbench201,
        "darts/parse": darts_parses,
        "darts/": darts,
        "prdarts/regulariser": regulariser_by_hand,
        "prdarts/": pr_darts,
    }
    for prefix, group in groups.items():
        mine = {key for key in asked if key.startswith(prefix)}
        asked -= mine  # "darts/parse0" is none of the keys for which a network is built
        if not mine:
            continue
        for key, value in group(spec, inputs):
            if key in mine:
                yield key, value


# ------------------------------------------------------------------------------ NAS-Bench-201


def nasbench201(spec: Mapping[str, Any], inputs: Mapping[str, np.ndarray]) -> Pairs:
    cells = [read_cell(text) for text in spec["nb201/examples"]]
    yield "nb201/examples/unique", [unique_text(cell, zeros=False) for cell in cells]
    yield "nb201/examples/unique_zero", [unique_text(cell) for cell in cells]
    yield "nb201/examples/valid", [is_connected(cell) for cell in cells]
    for nodes in (2, 3, 4):
        edges = sum(node < nodes for _, node in EDGES)
        every = list(itertools.product(OPERATIONS, repeat=edges))
        counts = [
            len(every),
            len({unique_text(cell, zeros=False) for cell in every}),
            len({unique_text(cell) for cell in every}),
            sum(map(is_connected, every)),
        ]
        yield f"nb201/nodes{nodes}/counts", np.array(counts)


# -------------------------------------------------------------------------------------- DARTS


def darts_parses(spec: Mapping[str, Any], inputs: Mapping[str, np.ndarray]) -> Pairs:
    space = space_of(spec["darts/net"]["primitives"], 4)
    for key in inputs:
        found = re.fullmatch(r"(darts/parse\d+)/normal", key)
        if found is None:
            continue
        cells = {}
        for kind in CELL_TYPES:
            weights = jax.nn.softmax(inputs[f"{found[1]}/{kind}"])
            cells[kind] = _lists(best_inputs(np.asarray(weights), space))
        yield found[1], cells


def _lists(edges: Iterable[tuple[str, int]]) -> list[list[Any]]:
    return [list(edge) for edge in edges]


def darts(spec: Mapping[str, Any], inputs: Mapping[str, np.ndarray]) -> Pairs:
    told, seed = spec["darts/net"], spec["seed"]
    config = told["config"]
    space = space_of(told["primitives"], 4)
    net = supernet_of(space, config)
    variables = filled(told["entries"], "darts.", seed, space, net, config["size"])
    shape = (len(space.edges), len(space.operations))
    alphas = {kind: fill(f"darts.alphas_{kind}", shape, seed) for kind in CELL_TYPES}
    draw = functools.partial(images_and_labels, seed, config["size"], config["batch"])
    batches = {"train": draw(config["classes"], 0), "val": draw(config["classes"], 1)}
    statistics = variables["batch_stats"]

    def forward(weights: Any, alphas: Any, images: Any) -> Any:
        soft = jax.tree.map(jax.nn.softmax, alphas)
        whole = {"params": weights, "batch_stats": statistics}
        with plain_convolutions():
            out, _ = net.apply(
                whole,
                images,
                soft,
                jnp.arange(config["batch"]),
                mutable=["batch_stats"],
                method="with_maps",
            )
        return out

    def mean_loss(weights: Any, alphas: Any, images: Any, labels: Any) -> jax.Array:
        logits, _ = forward(weights, alphas, images)
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    # one program gives every gradient: whoever differentiates the loss gets what it has computed
    with_grads = jit(jax.value_and_grad(mean_loss, (0, 1)))

    @functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
    def loss(which: str, weights: Any, alphas: Any) -> jax.Array:
        return with_grads(weights, alphas, *batches[which])[0]

    def loss_and_grads(which: str, weights: Any, alphas: Any) -> Any:
        return with_grads(weights, alphas, *batches[which])

    def scaled(which: str, grads: Any, factor: Any) -> Any:
        return jax.tree.map(lambda grad: factor * grad, grads)

    loss.defvjp(loss_and_grads, scaled)

    train = functools.partial(loss, "train")
    val = functools.partial(loss, "val")
    weights = variables["params"]
    logits, maps = jit(forward)(weights, alphas, batches["val"][0])
    yield "darts/logits", logits
    for number, cell in enumerate(maps[:-1]):
        yield f"darts/cell{number}/mean", cell.mean((1, 2))
        yield f"darts/cell{number}/first", cell[:, 0, 0]
    yield "darts/loss_train", train(weights, alphas)
    value, (by_weights, by_alphas) = jax.value_and_grad(val, (0, 1))(weights, alphas)
    yield "darts/loss_val", value
    for kind in CELL_TYPES:
        yield f"darts/first_order/{kind}", by_alphas[kind]
    shapes = {name.removeprefix("darts."): shape for name, shape in told["entries"]}
    places = [place(name, space, shapes[name][0]) for name in spec["darts/weight_names"]]
    yield "darts/weight_grad_l2", np.array([norm_of(by_weights, where) for where in places])
    soft = {kind: np.asarray(jax.nn.softmax(alpha)) for kind, alpha in alphas.items()}
    cells = [[_lists(best_inputs(soft[kind], space)), [2, 3, 4, 5]] for kind in CELL_TYPES]
    yield "darts/genotype", cells
    yield from _second_order(spec, space, (train, val), weights, alphas, shapes)


def _second_order(
    spec: Mapping[str, Any], space: Any, losses: Any, weights: Any, alphas: Any, shapes: Any
) -> Pairs:
    train, val = losses
    config = spec["darts/net"]["config"]

    def drawn(name: str) -> np.ndarray:
        return 0.1 * fill(f"momentum.{name}", shapes[name], spec["seed"])

    momentum = parameters(spec["darts/weight_names"], shapes, drawn, space)
    buffers = {"no_momentum": jax.tree.map(np.zeros_like, momentum), "momentum": momentum}

    def of(rule: Any, weights: Any, alphas: Any, buffer: Any) -> Any:
        def step(grads: Any) -> Any:
            def move(w: Any, m: Any, g: Any) -> Any:
                return w - config["eta"] * (config["momentum"] * m + g + config["weight_decay"] * w)

            return jax.tree.map(move, weights, buffer, grads)

        return rule(train, val, step, weights, alphas)

    adam = optax.chain(
        optax.add_decayed_weights(config["arch_wd"]),
        optax.adam(config["arch_lr"], b1=0.5, b2=0.999),
    )
    for case, buffer in buffers.items():
        found = of(finite_difference, weights, alphas, buffer)
        yield f"darts/second_order/{case}/unrolled_loss", found.value
        updates, _ = adam.update(found.grads, adam.init(alphas), alphas)
        after = optax.apply_updates(alphas, updates)
        straight = of(exact, weights, alphas, buffer)
        for kind in CELL_TYPES:
            yield f"darts/second_order/{case}/{kind}", found.grads[kind]
            yield f"darts/second_order/{case}/{kind}_after_adam", after[kind]
            yield f"darts/second_order/{case}/{kind}_exact", straight.grads[kind]


# ----------------------------------------------------------------------------------- PR-DARTS


def pr_darts(spec: Mapping[str, Any], inputs: Mapping[str, np.ndarray]) -> Pairs:
    told, seed = spec["prdarts/net"], spec["seed"]
    config = told["config"]
    space = space_of(told["ops"], config["steps"], norm_pools=False, last_norm=True)
    net = supernet_of(space, config)
    variables = filled(told["entries"], "prdarts.", seed, space, net, config["size"])
    alphas = {kind: inputs[f"prdarts/alphas_{kind}"] for kind in CELL_TYPES}
    images, labels = images_and_labels(seed, config["size"], config["batch"], config["classes"], 0)

    @jit
    def run(alphas: Any, selected: Any, uniform: Any, tau: Any) -> Any:
        def loss(alphas: Any) -> Any:
            weights = {}
            for kind in CELL_TYPES:
                opened = gates.gate(alphas[kind], uniform[kind], tau)
                weights[kind] = gates.straight_through(opened, selected[kind])
            with plain_convolutions():
                (logits, maps), _ = net.apply(
                    variables,
                    images,
                    weights,
                    jnp.arange(len(labels)),
                    mutable=["batch_stats"],
                    method="with_maps",
                )
            losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
            return losses.mean(), (logits, maps[-1])

        return jax.value_and_grad(loss, has_aux=True)(alphas)

    for name, case in spec.items():
        if not re.fullmatch(r"prdarts/case\d+", name):
            continue
        uniform = {kind: inputs[f"{name}/uniform_{kind}"] for kind in CELL_TYPES}
        selected = {}
        for kind in CELL_TYPES:
            opened = gates.gate(alphas[kind], uniform[kind], case["tau"])
            dropped = inputs.get(f"{name}/dropped_{kind}")
            selected[kind] = gates.select(opened, case["k"], dropped)
            yield f"{name}/selected_{kind}", selected[kind]
        (value, (logits, features)), grads = run(alphas, selected, uniform, case["tau"])
        yield f"{name}/features", features
        yield f"{name}/logits", logits
        yield f"{name}/loss", value
        skip, other, chain = case["lam"]
        penalty = gates.Penalty(skip, other, chain, case["threshold"])
        paid, slopes = _regulariser(alphas, selected, case["tau"], penalty, space)
        yield f"{name}/regulariser", paid
        for kind in CELL_TYPES:
            yield f"{name}/loss_grad_{kind}", grads[kind]
            yield f"{name}/regulariser_grad_{kind}", slopes[kind]
    yield "prdarts/genotype", _pairs(alphas, told["ops"], space)


def _regulariser(alphas: Any, selected: Any, tau: float, penalty: Any, space: Any) -> Any:
    return jax.value_and_grad(gates.regulariser)(alphas, selected, tau, penalty, space)


def regulariser_by_hand(spec: Mapping[str, Any], inputs: Mapping[str, np.ndarray]) -> Pairs:
    told = spec["prdarts/net"]
    space = space_of(told["ops"], told["config"]["steps"], norm_pools=False, last_norm=True)
    alphas = {kind: inputs[f"prdarts/alphas_{kind}"] for kind in CELL_TYPES}
    penalty = gates.Penalty(1.0, 0.5, 0.25, 0.2)
    for key in inputs:
        found = re.fullmatch(r"(prdarts/regulariser/\w+/tau([\d.]+))/selected_normal", key)
        if found is None:
            continue
        name, tau = found[1], float(found[2])
        selected = {kind: inputs[f"{name}/selected_{kind}"] for kind in CELL_TYPES}
        paid, slopes = _regulariser(alphas, selected, tau, penalty, space)
        yield name, paid
        for kind in CELL_TYPES:
            yield f"{name}/grad_{kind}", slopes[kind]


def _pairs(alphas: Any, names: list[str], space: Any) -> dict[str, Any]:
    """The genotype node by node, in the authors' names."""
    theirs = dict(zip(space.operations, names))
    cells = {}
    for kind in CELL_TYPES:
        edges = best_pairs(np.asarray(jax.nn.softmax(alphas[kind])), space)
        named = [[theirs[operation], source] for operation, source in edges]
        cells[kind] = [named[place : place + 2] for place in range(0, len(named), 2)]
    return cells
