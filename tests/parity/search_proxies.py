"""Recorded zero-cost scores: plain/, res/, zc/, naswot/, zen/, tenas/, zico/, zcpt/.

Names of scores and networks are parsed from the keys, see ../shared/parity/SEARCH.md.
"""

import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.search.proxies import fisher as fishers
from effjax.search.proxies import jacobian, patterns, saliency, synflow, zen, zico
from effjax.search.proxies.network import Apply, Batch, Pass, Variables, split
from effjax.search.proxies.weights import by_layer, layer_weights, total
from effjax.search.saliency import hessian_product, weight_times_gradient
from tests.parity import search_perturb
from tests.parity.search_networks import (
    NETWORKS,
    as_ours,
    as_theirs,
    fill_variables,
    generator,
    images_and_labels,
)

Found = Iterator[tuple[str, Any]]
SYSTEMS = ("plain", "res", "zc", "naswot", "zen", "tenas", "zico")


class Case:
    """A recorded network, its variables and its batches."""

    def __init__(self, spec: Mapping[str, Any], name: str):
        self.seed = spec["seed"]
        self.name = name
        net = spec[f"net/{name}"]
        self.sizes = net["spec"]
        self.variables = fill_variables(net["entries"], self.seed)
        self.layers = spec.get(f"zc/{name}/layers")
        self.apply = apply_of(NETWORKS[name](self.sizes))

    def batch(self, number: int = 0) -> Batch:
        sizes = self.sizes
        images, labels = images_and_labels(
            self.seed, sizes["size"], sizes["batch"], sizes["classes"], number
        )
        return Batch(jnp.asarray(images), jnp.asarray(labels))

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return (self.sizes["size"], self.sizes["size"], 3)

    @cached_property
    def given(self) -> tuple[Apply, Variables, list[Batch]]:
        return self.apply, self.variables, [self.batch()]

    def run(self, score: Callable[..., Any], batches: Sequence[Batch] = (), **settings: Any) -> Any:
        """A score of this network as one program; of batch 0 if nothing else is said."""
        program = jax.jit(partial(score, self.apply, **settings))
        return program(self.variables, list(batches) or [self.batch()])


def apply_of(module: Any) -> Apply:
    """A recorded network as scores take it."""

    def apply(variables: Variables, images: jax.Array, train: bool) -> Pass:
        examples = jnp.arange(len(images)) if train else None
        outputs, updated = module.apply(variables, images, examples, mutable=["batch_stats"])
        return Pass(*outputs, {**variables, **updated})

    return apply


def compute(
    spec: Mapping[str, Any], inputs: Mapping[str, np.ndarray], keys: Sequence[str]
) -> Found:
    """(key, value) of those of `keys` that are zero-cost scores."""
    cases: dict[str, Case] = {}
    for system in SYSTEMS:
        for key in keys:
            parts = key.split("/")
            if parts[0] != system:
                continue
            name = parts[0] if system in NETWORKS else parts[1]
            if name in NETWORKS and name not in cases:
                cases[name] = Case(spec, name)
        asked = {key for key in keys if key.split("/")[0] == system}
        if asked:
            for key, value in COMPUTE[system](spec, cases, asked):
                if key in asked:
                    yield key, value
    for key, value in search_perturb.compute(spec, inputs, keys):
        if key in keys:
            yield key, value


def logits(spec: Any, cases: Mapping[str, Case], keys: set[str]) -> Found:
    for key in keys:
        name, mode = key.split("/logits_")
        apply, variables, (batch,) = cases[name].given
        yield key, apply(variables, batch.images, mode == "train").logits


# ----------------------------------------------------------------------------- scores of gradients


def tree_of(case: Case, measure: str) -> dict[str, jax.Array]:
    """{layer: what the recording has of its weights}, in our layout."""
    if measure in ("synflow", "synflow_bn"):
        norms = "off" if measure == "synflow" else "train"
        flow = partial(synflow.synflow, case.apply, image_shape=case.image_shape, norms=norms)
        return by_layer(jax.jit(flow)(case.variables))
    if measure == "fisher":
        return case.run(fishers.fisher_by_weights)
    return by_layer(case.run(getattr(saliency, measure)))


def zero_cost(spec: Any, cases: Mapping[str, Case], keys: set[str]) -> Found:
    measures = sorted({tuple(key.split("/")[1:3]) for key in keys})
    for name, measure in measures:
        case = cases[name]
        if measure == "split2":
            yield from added_parts(case, keys)
        elif measure == "jacob_cov":
            yield f"zc/{name}/jacob_cov", case.run(jacobian.jacob_cov)
        else:
            yield from one_measure(case, measure)


def one_measure(case: Case, measure: str) -> Found:
    prefix = f"zc/{case.name}/{measure}"
    tree = tree_of(case, measure)
    yield prefix, total(tree)
    sums = {layer.replace("/", "."): leaf.sum() for layer, leaf in tree.items()}
    yield f"{prefix}/layers", np.array([sums[layer] for layer in case.layers])
    if measure == "fisher":
        tree = case.run(fishers.fisher)
    for layer, leaf in tree.items():
        dotted = layer.replace("/", ".")
        if measure == "fisher":
            yield f"{prefix}/{dotted}", leaf
        elif leaf.ndim > 1:
            yield f"{prefix}/{dotted}.weight", as_theirs(leaf)


def added_parts(case: Case, keys: set[str]) -> Found:
    """The published rule for a batch cut in two: gradients add, where ours averages.

    A micro-batch alone has its own mean loss, so that the sum is about twice the mean.
    """
    weights = layer_weights(case.variables["params"])
    parts = split(case.batch(), 2)
    grads = [case.run(saliency.gradient, [part]) for part in parts]
    added = jax.tree.map(jnp.add, *grads)
    prefix = f"zc/{case.name}/split2"
    norms = jax.tree.map(lambda g: jnp.linalg.norm(g.ravel()), added)
    yield f"{prefix}/grad_norm", total(norms)
    products = weight_times_gradient(weights, added)
    yield f"{prefix}/plain", total(products)
    yield f"{prefix}/snip", total(jax.tree.map(jnp.abs, products))
    # GraSP multiplies each part's Hessian with the gradient of the last part alone... and adds
    yield f"{prefix}/grasp", total(added_grasp(case, parts, grads))
    fisher = [case.run(fishers.fisher_by_weights, [part]) for part in parts]
    yield f"{prefix}/fisher", total(fisher)
    yield f"{prefix}/jacob_cov", case.run(jacobian.jacob_cov, parts)


def added_grasp(case: Case, parts: Sequence[Batch], grads: Sequence[Any]) -> Any:

    def product(apply: Apply, variables: Variables, batches: Sequence[Batch]) -> Any:
        (loss,) = saliency.losses(apply, variables, batches)
        return hessian_product(loss, layer_weights(variables["params"]), grads[-1])

    products = []
    for part in parts:
        products.append(case.run(product, [part]))
    added = jax.tree.map(jnp.add, *products)
    kept = weight_times_gradient(layer_weights(case.variables["params"]), added)
    return jax.tree.map(jnp.negative, kept)


# ------------------------------------------------------------------------------ scores of patterns


def naswot(spec: Any, cases: Mapping[str, Case], keys: set[str]) -> Found:
    for name, mode in sorted({tuple(key.split("/")[1:3]) for key in keys}):
        case = cases[name]
        apply, variables, (batch,) = case.given
        found = patterns.preactivations(apply, variables, batch.images, mode == "train")
        kernel = patterns.pattern_kernel(found)
        yield f"naswot/{name}/{mode}/K", kernel
        yield f"naswot/{name}/{mode}", patterns.log_determinant(kernel)


def tenas(spec: Any, cases: Mapping[str, Case], keys: set[str]) -> Found:
    for key in keys:
        _, name, measure, mode = key.split("/")
        train = mode == "train"
        if measure == "ntk_cond":
            yield key, cases[name].run(jacobian.ntk_condition, train=train)
        else:
            yield key, float(regions(spec, train))


def regions(spec: Mapping[str, Any], train: bool) -> int:
    thin = spec["tenas/thin"]
    variables = fill_variables(thin["entries"], spec["seed"], "thin.")
    images = generator(spec["seed"], 555).standard_normal((thin["n"], 3, 3, 1))
    batch = Batch(jnp.asarray(images), jnp.zeros(thin["n"], int))
    apply = apply_of(NETWORKS["plain"](thin["spec"]))
    return patterns.linear_regions(apply, variables, split(batch, thin["batches"]), train)


# ------------------------------------------------------------------------------------ Zen and ZiCo


def zen_scores(spec: Any, cases: Mapping[str, Case], keys: set[str]) -> Found:
    for name, what in sorted({tuple(key.split("/")[1:3]) for key in keys}):
        case = cases[name]
        if what == "gradnorm_global":
            yield f"zen/{name}/{what}", case.run(saliency.global_grad_norm)
        else:
            repeats = int(re.fullmatch(r"repeat(\d+)", what)[1])
            yield from zen_repeats(case, repeats, f"zen/{name}/{what}")


def zen_repeats(case: Case, repeats: int, prefix: str) -> Found:
    """The running variances go on from repeat to repeat, as in the recording."""
    seed = case.seed
    variables = {
        "params": case.variables["params"],
        "batch_stats": start_of_averages(case.variables["batch_stats"]),
    }
    shape = (case.sizes["batch"], *case.image_shape)
    once = jax.jit(partial(zen.zen_once, case.apply))
    scores = []
    for repeat in range(repeats):

        def draw(path: Any, ours: tuple[int, ...], repeat: int = repeat) -> jax.Array:
            name = ".".join(entry.key for entry in path[:-1]) + ".weight"
            theirs = as_theirs(np.empty(ours)).shape
            drawn = generator(seed, zlib.crc32(name.encode()), repeat).standard_normal(theirs)
            return jnp.asarray(as_ours(drawn))

        variables = zen.random_variables(variables, draw)
        x = jnp.asarray(generator(seed, 777, repeat, 0).standard_normal(shape))
        z = jnp.asarray(generator(seed, 777, repeat, 1).standard_normal(shape))
        score, variables = once(variables, x, z)
        scores.append(score)
    deviation = np.std(scores)
    yield prefix, np.array([np.mean(scores), deviation, 1.96 * deviation / np.sqrt(repeats)])
    for layer, leaf in variance_of_norms(variables["batch_stats"]).items():
        yield f"{prefix}/{layer}.running_var", leaf


def start_of_averages(stats: Any) -> Any:
    def start(path: Any, leaf: Any) -> jax.Array:
        return jnp.ones(leaf.shape) if path[-1].key == "var" else jnp.zeros(leaf.shape)

    return jax.tree_util.tree_map_with_path(start, stats)


def variance_of_norms(stats: Any) -> dict[str, jax.Array]:
    found = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(stats):
        if path[-1].key == "var":
            found[".".join(entry.key for entry in path[:-1])] = leaf
    return found


def zico_scores(spec: Any, cases: Mapping[str, Case], keys: set[str]) -> Found:
    for key in keys:
        _, name, what = key.split("/")
        case = cases[name]
        if what == "same_batch_twice":
            numbers = [0, 0]
        else:
            numbers = list(range(int(re.fullmatch(r"(\d+)batches", what)[1])))
        batches = [case.batch(number) for number in numbers]
        yield key, case.run(zico.zico, batches)


COMPUTE: dict[str, Callable[..., Found]] = {
    "plain": logits,
    "res": logits,
    "zc": zero_cost,
    "naswot": naswot,
    "zen": zen_scores,
    "tenas": tenas,
    "zico": zico_scores,
}
