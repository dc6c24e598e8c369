"""Zero-cost scores by name, of one network each; greater is better in all of them.

@PROXIES.register("snip", "sum of |weight times gradient|")
def snip(network: Candidate) -> float: ...

One of your own is a function of a `Candidate`, named as package.module:name.
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from effjax.models import ImageModel, cost
from effjax.registry import Registry
from effjax.search.proxies import fisher as fishers
from effjax.search.proxies import jacobian, patterns, saliency
from effjax.search.proxies.network import Apply, Batch, Variables, apply_of, as_float64, split
from effjax.search.proxies.synflow import synflow as flows
from effjax.search.proxies.weights import total
from effjax.search.proxies.zen import zen as zen_score
from effjax.search.proxies.zico import zico as zico_score
from effjax.startup import compile_lightly

FEW = 16  # images of scores that take a gradient for each
STEPS = 8  # points on the line from image to image, for linear regions


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A network at its first weights, and images with labels.

    Attributes:
      model: the network; counted for `params` and `macs`.
      variables: of `apply`.
      batch: normalised images [B, H, W, C], labels [B].
      apply: runs it; None: the model itself. Networks with one `apply` share what is compiled.
      seed: of what a score draws.
    """

    model: ImageModel
    variables: Variables
    batch: Batch
    apply: Apply
    seed: int = 0

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(H, W, C)."""
        return self.batch.images.shape[1:]

    @property
    def few(self) -> Batch:
        """The first images alone."""
        return Batch(self.batch.images[:FEW], self.batch.labels[:FEW])

    def run(self, score: Callable[..., Any], *args: Any, **settings: Any) -> Any:
        """score(apply, *args, **settings) as one compiled program."""
        return compiled(score, self.apply, tuple(settings.items()))(*args)

    def of_loss(self, score: Callable[..., Any]) -> float:
        """The sum of a score of weights by the loss of all images."""
        return float(self.run(_summed(score), self.variables, [self.batch]))


@functools.lru_cache(maxsize=64)
def compiled(score: Callable[..., Any], apply: Apply, settings: tuple) -> Callable[..., Any]:
    """A score of networks that `apply` runs, compiled once for each shape."""
    options = compile_lightly(jax.default_backend())
    function = functools.partial(score, apply, **dict(settings))
    return jax.jit(function, compiler_options=options)


@functools.cache
def _summed(score: Callable[..., Any]) -> Callable[..., Array]:
    """The sum of the tree that a score gives."""

    def summed(*args: Any, **settings: Any) -> Array:
        return total(score(*args, **settings))

    return summed


PROXIES: Registry[Callable[[Candidate], float]] = Registry(
    "zero-cost score", "--proxies=package.module:function"
)


@PROXIES.register("grad_norm", "sum over layers of the norm of the gradient")
def grad_norm(network: Candidate) -> float:
    return network.of_loss(saliency.grad_norm)


@PROXIES.register("plain", "sum of weight times gradient")
def plain(network: Candidate) -> float:
    return network.of_loss(saliency.plain)


@PROXIES.register("snip", "sum of |weight times gradient|")
def snip(network: Candidate) -> float:
    return network.of_loss(saliency.snip)


@PROXIES.register("grasp", "sum of -weight times (Hessian times gradient)")
def grasp(network: Candidate) -> float:
    return network.of_loss(saliency.grasp)


@PROXIES.register("fisher", "Fisher information of channels, once for each of their weights")
def fisher(network: Candidate) -> float:
    # not compiled: what an operation inside of a branch gives cannot leave it
    return float(total(fishers.fisher_by_weights(network.apply, network.variables, [network.few])))


@PROXIES.register("synflow", "flow of ones through |weights|, without norms; needs no images")
def synflow(network: Candidate) -> float:
    return _flow(network, "off")


@PROXIES.register("synflow_bn", "the same with norms, by the one image of ones")
def synflow_bn(network: Candidate) -> float:
    return _flow(network, "train")


def _flow(network: Candidate, norms: str) -> float:
    """In 64-bit floats: the flow grows exponentially with the depth."""
    with jax.enable_x64(True):
        variables = as_float64(network.variables)
        score = network.run(_summed(flows), variables, image_shape=network.image_shape, norms=norms)
        return float(score)


@PROXIES.register("jacob_cov", "how little the gradients to different images are correlated")
def jacob_cov(network: Candidate) -> float:
    return float(network.run(jacobian.jacob_cov, network.variables, [network.batch]))


@PROXIES.register("ntk", "minus the logarithm of the condition of the tangent kernel")
def ntk(network: Candidate) -> float:
    condition = float(network.run(jacobian.ntk_condition, network.variables, [network.few]))
    # rounding makes the least eigenvalue of a singular kernel zero or negative
    return -math.log(condition) if condition > 0 else -math.inf


@PROXIES.register("naswot", "ln det of how often two images have the same activation pattern")
def naswot(network: Candidate) -> float:
    return patterns.naswot(network.apply, network.variables, [network.batch])


@PROXIES.register("linear_regions", "activation patterns on lines between images, each once")
def linear_regions(network: Candidate) -> float:
    points = patterns.between(network.few.images, STEPS)
    batch = Batch(points, jnp.zeros(len(points), int))
    return float(patterns.linear_regions(network.apply, network.variables, [batch]))


@PROXIES.register("zen", "how far the last map of random weights moves with its input")
def zen(network: Candidate) -> float:
    settings = {"image_shape": network.image_shape}
    key = jax.random.key(network.seed)
    return float(network.run(zen_score, network.variables, key, **settings))


@PROXIES.register("zico", "how steady gradients are between two halves of the images")
def zico(network: Candidate) -> float:
    return float(network.run(zico_score, network.variables, split(network.batch, 2)))


@PROXIES.register("params", "parameters that are learned")
def params(network: Candidate) -> float:
    return float(cost(network.model, network.image_shape).trainable)


@PROXIES.register("macs", "multiply-adds of one image")
def macs(network: Candidate) -> float:
    return float(cost(network.model, network.image_shape).macs)


def score(
    name: str,
    model: ImageModel,
    variables: Variables,
    images: Array,
    labels: Array,
    seed: int = 0,
) -> float:
    """A zero-cost score of a network; greater is better.

    Args:
      name: see `PROXIES`, or "package.module:function".
      variables: as `model.init` gives them.
      images: normalised, float [B, H, W, C].
      labels: int [B].

    Raises:
      UserError: an unknown name, or the score has no meaning for the network.
    """
    find = PROXIES.find(name)
    batch = Batch(jnp.asarray(images), jnp.asarray(labels))
    return find(Candidate(model, variables, batch, apply_of(model), seed))
