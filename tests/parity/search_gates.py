"""Recomputes the recorded cases of gates, budgets and soft sizes with `effjax.compress.gates`."""

import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.compress.gates.hypernetwork import (
    ChannelLogits,
    Encoder,
    GroupSizes,
    channel_gates,
    in_order,
    relative_importance,
)
from effjax.compress.gates.soft_cost import SoftCost
from effjax.compress.gates.soft_sizes import ramp_reach, soft_size
from effjax.compress.generators.gates import hard
from effjax.costs import log_ratio
from tests.parity.search_masks import fill

Spec = dict[str, Any]
Found = Iterator[tuple[str, Any]]
GATES = ("r", "z", "n")  # of a GRU, in the order of torch's rows


def compute(spec: Spec, inputs: dict[str, np.ndarray], keys: list[str]) -> Found:
    """Yields (key, value) for those of `keys` that this file can compute."""
    with jax.enable_x64(True):
        for system, compute_system in SYSTEMS.items():
            asked = sorted(key for key in keys if key.split("/")[0] == system)
            if asked:
                yield from compute_system(spec, inputs, asked)


# ------------------------------------------------------------------------------ torch's layers


def entries_of(spec: Spec, name: str, prefix: str) -> dict[str, np.ndarray]:
    """{name without the prefix: array}."""
    found = {}
    for key, shape in spec[name]["entries"]:
        found[key.removeprefix(prefix)] = fill(key, shape, spec["seed"])
    return found


def cell(entries: dict[str, Any], suffix: str) -> dict[str, Any]:
    """The parameters of one direction of a GRU."""
    reads = jnp.split(entries[f"Bi_GRU.weight_ih_l0{suffix}"], 3)
    keeps = jnp.split(entries[f"Bi_GRU.weight_hh_l0{suffix}"], 3)
    of_input = jnp.split(entries[f"Bi_GRU.bias_ih_l0{suffix}"], 3)
    of_state = jnp.split(entries[f"Bi_GRU.bias_hh_l0{suffix}"], 3)
    found = {}
    for number, gate in enumerate(GATES):
        # flax adds the two biases of a gate; in the candidate the state's stays apart
        apart = gate == "n"
        bias = of_input[number] + (0.0 if apart else of_state[number])
        found[f"i{gate}"] = {"kernel": reads[number].T, "bias": bias}
        found[f"h{gate}"] = {"kernel": keeps[number].T}
        if apart:
            found[f"h{gate}"]["bias"] = of_state[number]
    return found


def encoder(entries: dict[str, Any]) -> dict[str, Any]:
    return {
        "ahead": {"cell": cell(entries, "")},
        "back": {"cell": cell(entries, "_reverse")},
        "norm": {"scale": entries["bn1.weight"], "bias": entries["bn1.bias"]},
    }


def logits_of(entries: dict[str, Any], sizes: list[int], normalised: bool) -> list[jax.Array]:
    """The logits of each group as a function of torch's entries."""
    params = {"encoder": encoder(entries)}
    for number in range(len(sizes)):
        if normalised:
            params[f"head_{number}"] = entries[f"mh_fc.{number}.weight_v"]
            params[f"gain_{number}"] = entries[f"mh_fc.{number}.weight_g"][:, 0]
        else:
            params[f"head_{number}"] = entries[f"mh_fc.{number}.weight"]
    model = ChannelLogits(tuple(sizes), normalised)
    return model.apply({"params": params}, entries["inputs"][:, 0])


# ----------------------------------------------------------------------------------------- ISP


def isp(spec: Spec, inputs: Any, keys: list[str]) -> Found:
    """isp/*"""
    entries = entries_of(spec, "isp/hyper", "isp.")
    sizes = spec["isp/hyper"]["structure"]
    uniform = jnp.asarray(inputs["isp/hyper/uniform"][0])
    names = spec["isp/hyper/gradient_names"]
    c = inputs["isp/hyper/c"]

    def gates(values: dict, kind: str) -> jax.Array:
        logits = jnp.concatenate(logits_of(values, sizes, normalised=True))
        soft = channel_gates(logits, uniform)
        return soft if kind == "train" else hard(soft)

    @functools.cache
    def gradient(kind: str) -> dict:
        return jax.jit(jax.grad(lambda v: (gates(v, kind) * c).sum()))(entries)

    for key in keys:
        kind, *what = key.removeprefix("isp/hyper/").split("/")
        if kind == "gru":
            variables = {"params": encoder(entries)}
            encode = Encoder(len(sizes))
            states = encode.apply(variables, entries["inputs"][:, 0], method="states")
            yield key, np.asarray(states)[:, None]
        elif not what:
            yield key, np.asarray(gates(entries, kind))
        elif what == ["grad_l2"]:
            yield key, np.array([np.linalg.norm(gradient(kind)[name]) for name in names])


# ------------------------------------------------------------------------------------- budgets


def pairs_cost(geometry: Spec, counts_second: bool = True) -> SoftCost:
    """Pairs of layers with a group in between: 3 and the kernel's entries for each position."""
    terms = []
    columns = (geometry[name] for name in ("k", "out", "g", "inc", "outc"))
    pairs = list(zip(*columns, strict=True))
    for place in range(0, len(pairs), 2):
        group = place // 2
        k, out, g, wide_in, middle = pairs[place]
        terms.append((k * wide_in / g * middle * out + 3 * middle * out, (group,)))
        k, out, g, middle, wide_out = pairs[place + 1]
        terms.append((k * middle / g * wide_out * out, (group,) if counts_second else ()))
        terms.append((3 * wide_out * out, ()))
    return SoftCost(tuple(terms))


def mobnet_cost(geometry: Spec) -> SoftCost:
    """Groups of a pointwise, a depthwise and a pointwise layer."""
    terms = []
    columns = (geometry[name] for name in ("k", "out", "g", "inc", "outc"))
    layers = list(zip(*columns, strict=True))
    for place in range(0, len(layers), 3):
        group = place // 3
        k, out, g, wide_in, middle = layers[place]
        terms.append((k * wide_in / g * middle * out + 3 * middle * out, (group,)))
        k, out, g, middle, _ = layers[place + 1]
        # a slip of the code: a depthwise layer keeps its number of groups as channels go
        terms.append((k * middle / g * middle * out, (group, group)))
        terms.append((3 * middle * out, (group,)))
        k, out, g, middle, wide_out = layers[place + 2]
        terms.append((k * middle / g * wide_out * out, (group,)))
        terms.append((3 * wide_out * out, ()))
    return SoftCost(tuple(terms))


def first_layers_only(cost: SoftCost) -> SoftCost:
    """The slip of ISP's code: what it adds up is the first layer of each pair."""
    return SoftCost(tuple(cost.terms[::3]))


def penalty(ratio: jax.Array, kind: str, p: float, form: str) -> jax.Array:
    if kind == "log":
        return 2 * log_ratio(ratio, p, form)
    difference = ratio - p
    return 2 * (jnp.abs(difference) if kind == "mae" else difference**2)


def budget(spec: Spec, inputs: Any, keys: list[str]) -> Found:
    """budget/*"""
    pairs = pairs_cost(spec["budget/geometry"])
    mobnet = mobnet_cost(spec["budget/mobnet_geometry"])
    bounds = np.cumsum(spec["isp/hyper"]["structure"])[:-1]

    def shares(gates: jax.Array) -> list[jax.Array]:
        return [part.mean() for part in jnp.split(gates, bounds)]

    for key in keys:
        name, *rest = key.removeprefix("budget/").split("/")
        if name == "total_flops":
            yield key, pairs.total
            continue
        if name == "mobnet_total_flops":
            yield key, mobnet.total
            continue
        kind = "log" if name == "ddnp_mobnet_k" else rest[0]
        p = float(next(part for part in rest if part.startswith("p"))[1:])
        cost, total = (mobnet, mobnet.total) if "mobnet" in name else (pairs, pairs.total)
        if name == "isp_resnet":
            cost = first_layers_only(cost)
        form = "two_sided" if name == "ddnp_resnet_k" else "hinge"
        of_sizes = name.endswith("_k")
        point = inputs["budget/sizes"] if of_sizes else inputs["budget/gates"]

        def loss(x, cost=cost, total=total, of_sizes=of_sizes, kind=kind, p=p, form=form):
            return penalty(cost(x if of_sizes else shares(x)) / total, kind, p, form)

        value, slope = jax.value_and_grad(loss)(jnp.asarray(point))
        yield key, np.asarray(slope if key.endswith("/grad") else value)


# ---------------------------------------------------------------------------------------- DDNP


def ddnp(spec: Spec, inputs: Any, keys: list[str]) -> Found:
    """ddnp/*"""
    for key in keys:
        system, *rest = key.removeprefix("ddnp/").split("/")
        if system == "soft_size":
            yield key, soft_sizes(spec, inputs, rest)
        elif system == "k_generator":
            mode, what = rest
            shares, masks = size_masks(spec, mode)
            yield key, np.asarray(shares if what == "k" else masks[int(what[-1])])
    names = [key for key in keys if key.startswith("ddnp/importance_generator/")]
    if names:
        found = importance_generator(spec, inputs)
        yield from ((key, found[key]) for key in names if key in found)


def soft_sizes(spec: Spec, inputs: Any, rest: list[str]) -> np.ndarray:
    """A mask, or the table of slopes."""
    cases = {}
    for key, settings in spec.items():
        match = re.fullmatch(r"ddnp/soft_size/(\d+)", key)
        if match:
            cases[int(match[1])] = settings

    def mask(case: Spec, share: jax.Array) -> jax.Array:
        return soft_size(share, case["size"], case["soft_range"], case["floor"])

    if rest != ["gradients"]:
        case = cases[int(rest[0])]
        return np.asarray(mask(case, jnp.asarray(float(rest[1].removeprefix("k")))))
    rows = []
    for number, case in sorted(cases.items()):
        w = inputs[f"ddnp/soft_size/{number}/w"]
        for share in case["k"]:
            slope = jax.grad(lambda k, case=case, w=w: (mask(case, k) * w).sum())(share)
            rows.append((number, share, float(slope)))
    return np.array(rows)


def size_masks(spec: Spec, mode: str) -> tuple[jax.Array, list[jax.Array]]:
    """The shares of DDNP's size generator, and its masks."""
    entries = entries_of(spec, "ddnp/k_generator", "ddnp.k.")
    sizes = spec["ddnp/k_generator"]["structure"]
    params = {"weight": jnp.asarray(entries["fc_layers.weight"])}
    model = GroupSizes(len(sizes))
    shares = model.apply({"params": params}, jnp.asarray(entries["inputs"][0]))
    masks = []
    for share, size in zip(shares, sizes, strict=True):
        if mode == "train":
            masks.append(soft_size(share, size, ramp_reach(size)))
        else:
            masks.append(soft_size(share, size, 0, 0.0))
    return shares, masks


def importance_generator(spec: Spec, inputs: Any) -> dict[str, np.ndarray]:
    """Two steps, then an evaluation."""
    prefix = "ddnp/importance_generator"
    entries = entries_of(spec, prefix, "ddnp.imp.")
    sizes = spec[prefix]["structure"]
    logits = logits_of(entries, sizes, normalised=False)
    _, masks = size_masks(spec, "train")
    _, hard = size_masks(spec, "eval")
    found = {}
    for number, size in enumerate(sizes):
        importance = relative_importance(logits[number], inputs[f"{prefix}/norms{number}"])
        running = jnp.zeros(size)
        for step in (0, 1):
            running = 0.995 * running + 0.005 * importance
            uniform = jnp.asarray(inputs[f"{prefix}/step{step}/uniform{number}"][0])
            gates = channel_gates(logits[number], uniform)
            mask = in_order(masks[number], importance) * gates
            found[f"{prefix}/step{step}/mask{number}"] = np.asarray(mask)
        found[f"{prefix}/running{number}"] = np.asarray(running)
        found[f"{prefix}/eval/mask{number}"] = np.asarray(in_order(hard[number], running))
    return found


SYSTEMS: dict[str, Callable[..., Found]] = {"isp": isp, "budget": budget, "ddnp": ddnp}
