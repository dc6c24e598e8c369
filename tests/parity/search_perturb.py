"""Recorded Zero-Cost-PT: a supernet of NAS-Bench-201 form, decided edge by edge.

Shapes: B batch, H W space, C channels. Weights are those of the recording, in its layout.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from effjax.search.proxies.patterns import log_determinant, pattern_kernel
from effjax.search.proxies.perturbation import ORDERS, perturb
from tests.parity.search_networks import as_ours, fill, images_and_labels

Weights = Array  # of the operations, [edge, operation]
EPS = 1e-5


class Supernet:
    """The recorded supernet; `patterns` collects what its ReLUs and their blocks are given."""

    def __init__(self, spec: Mapping[str, Any], train: bool):
        net, seed = spec["zcpt/net"], spec["seed"]
        self.config, self.operations, self.edges = net["config"], net["ops"], net["edges"]
        self.filled = {}
        for name, shape in net["entries"]:
            self.filled[name.removeprefix("nb201.")] = jnp.asarray(fill(name, shape, seed))
        self.train = train
        self.patterns: list[Array] = []

    def __call__(self, weights: Weights, images: Array) -> Array:
        self.patterns = []
        x = self.norm(self.conv(images, "stem.0"), "stem.1")
        for number, is_reduction in enumerate(self.layout()):
            name = f"cells.{number}"
            x = self.reduction(x, name) if is_reduction else self.cell(weights, x, name)
        x = self.relu(self.norm(x, "lastact.0"))
        return x.mean((1, 2)) @ self.filled["classifier.weight"].T + self.filled["classifier.bias"]

    def layout(self) -> list[bool]:
        """Whether each cell reduces: N cells a stage, a reduction between stages."""
        stage = [False] * self.config["N"]
        return [*stage, True, *stage, True, *stage]

    def cell(self, weights: Weights, x: Array, name: str) -> Array:
        nodes = [x]
        for node in range(1, self.config["max_nodes"]):
            total = jnp.zeros(())
            for source in range(node):
                edge = f"{node}<-{source}"
                of_edge = weights[self.edges[edge]]
                for number, operation in enumerate(self.operations):
                    path = f"{name}.edges.{edge}.{number}"
                    weight = of_edge[number]
                    total += weight * self.operation(operation, nodes[source], weight, path)
            nodes.append(total)
        return nodes[-1]

    def operation(self, operation: str, x: Array, weight: Array, path: str) -> Array:
        # a removed operation still runs, on zeros
        given = jnp.where(weight == 0, 0.0, x)
        if operation == "none":
            return jnp.zeros_like(x)
        if operation == "skip_connect":
            return given
        if operation == "avg_pool_3x3":
            return mean_of_neighbours(given)
        # the block that holds the ReLU counts too, by its true input
        self.patterns.append(x)
        return self.norm(self.conv(self.relu(given), f"{path}.op.1"), f"{path}.op.2")

    def reduction(self, x: Array, name: str) -> Array:
        y = self.block(x, f"{name}.conv_a", stride=2)
        y = self.block(y, f"{name}.conv_b", stride=1)
        batch, height, width, channels = x.shape
        halves = x.reshape(batch, height // 2, 2, width // 2, 2, channels).mean((2, 4))
        return y + self.conv(halves, f"{name}.downsample.1")

    def block(self, x: Array, path: str, stride: int) -> Array:
        self.patterns.append(x)
        return self.norm(self.conv(self.relu(x), f"{path}.op.1", stride), f"{path}.op.2")

    def relu(self, x: Array) -> Array:
        self.patterns.append(x)
        return jax.nn.relu(x)

    def conv(self, x: Array, path: str, stride: int = 1) -> Array:
        kernel = as_ours(self.filled[f"{path}.weight"])
        pad = kernel.shape[0] // 2
        return lax.conv_general_dilated(
            x,
            kernel,
            (stride, stride),
            [(pad, pad)] * 2,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )

    def norm(self, x: Array, path: str) -> Array:
        if self.train:
            mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
        else:
            mean, variance = (self.filled[f"{path}.running_{what}"] for what in ("mean", "var"))
        y = (x - mean) / jnp.sqrt(variance + EPS)
        if f"{path}.weight" in self.filled:
            y = y * self.filled[f"{path}.weight"] + self.filled[f"{path}.bias"]
        return y


def mean_of_neighbours(x: Array) -> Array:
    """The mean over 3x3, of the places that there are."""
    window = ((1, 3, 3, 1), (1, 1, 1, 1), "SAME")
    total = lax.reduce_window(x, 0.0, lax.add, *window)
    return total / lax.reduce_window(jnp.ones_like(x), 0.0, lax.add, *window)


def compute(
    spec: Mapping[str, Any], inputs: Mapping[str, np.ndarray], keys: Sequence[str]
) -> Iterator[tuple[str, Any]]:
    """(key, value) of those of `keys` that begin with zcpt/."""
    if not any(key.startswith("zcpt/") for key in keys):
        return
    config = spec["zcpt/net"]["config"]
    images, _ = images_and_labels(
        spec["seed"], config["size"], config["batch"], config["num_classes"]
    )
    weights = np.asarray(jax.nn.softmax(jnp.asarray(inputs["zcpt/alphas"])))
    yield "zcpt/logits_train", jax.jit(Supernet(spec, train=True))(weights, images)

    @jax.jit
    def run(weights: Weights) -> tuple[Array, list[Array]]:
        net = Supernet(spec, train=False)
        logits = net(weights, images)
        return logits, net.patterns

    def score(weights: np.ndarray) -> float:
        return log_determinant(pattern_kernel(run(weights)[1]))

    yield "zcpt/logits_eval", run(weights)[0]
    yield "zcpt/score_all_ops", score(weights)

    def without(decided: Mapping[int, int], edge: int, option: int) -> float:
        changed = weights.copy()
        for other, kept in decided.items():
            changed[other] = np.eye(len(changed[other]))[kept]
        changed[edge, option] = 0
        return score(changed)

    counts = [len(row) for row in weights]
    edges = [int(edge) for edge in inputs["zcpt/random/edges"]]
    for order in ORDERS:
        if not any(key.startswith(f"zcpt/{order}/") for key in keys):
            continue
        found = perturb(without, counts, order, edges, as_published=True)
        chosen = {decision.edge: decision.option for decision in found}
        yield f"zcpt/{order}/order", np.array([[one.edge, one.option] for one in found])
        yield f"zcpt/{order}/scores", np.array([one.scores for one in found])
        yield f"zcpt/{order}/genotype", genotype(spec["zcpt/net"], chosen)


def genotype(net: Mapping[str, Any], chosen: Mapping[int, int]) -> str:
    """NAS-Bench-201's string of the operations kept."""
    nodes = []
    for node in range(1, net["config"]["max_nodes"]):
        inputs = []
        for source in range(node):
            operation = net["ops"][chosen[net["edges"][f"{node}<-{source}"]]]
            inputs.append(f"{operation}~{source}")
        nodes.append(f"|{'|'.join(inputs)}|")
    return "+".join(nodes)
