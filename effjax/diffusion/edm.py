"""EDM: four preconditionings of one denoiser, and FDM's other scaling of its input.

Karras et al. 2022 (https://arxiv.org/abs/2206.00364), Wu et al. 2023
(https://arxiv.org/abs/2306.06991). The denoiser is D(x; s) = c_skip x + c_out F(c_in x, c_noise)
for x = clean + s noise. Shapes: B batch, ... the axes of an example; sigma [B].
"""

import dataclasses
import functools
import math
from typing import Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from effjax.diffusion.process import Network
from effjax.diffusion.shapes import mean_of_example, per_example

Kind = Literal["edm", "vp", "ve", "iddpm"]
# the noise rate of VP is VP_START + VP_SLOPE t: alpha^2 = exp(-VP_SLOPE t^2 / 2 - VP_START t)
VP_SLOPE = 19.9
VP_START = 0.1
VP_FIRST = 1e-5  # the least time of training
CHAIN = 1000  # steps of the chain that a VP or iDDPM network was trained on
VE_RANGE = (0.02, 100.0)
WARMUP_FROM = 5.0  # FDM's bound on the loss weights grows from here ...
WARMUP_FACTOR = 100.0  # ... by this factor
WARMUP_LAST = 500.0  # and ends here


class Scalings(NamedTuple):
    """c_skip, c_out, c_in in the rank of x; c_noise [B]."""

    skip: Array
    out: Array
    input: Array
    noise: Array


def vp_sigma(t: Array) -> Array:
    """The noise level of VP at time t in [0, 1]."""
    return jnp.sqrt(jnp.expm1(VP_SLOPE / 2 * t**2 + VP_START * t))


def vp_level(t: float) -> float:
    """`vp_sigma` in float64, on the host."""
    return math.sqrt(math.expm1(VP_SLOPE / 2 * t**2 + VP_START * t))


def vp_time(sigma: Array) -> Array:
    """The way back."""
    log = jnp.log1p(sigma**2)
    return (jnp.sqrt(VP_START**2 + 2 * VP_SLOPE * log) - VP_START) / VP_SLOPE


@functools.cache
def iddpm_levels() -> np.ndarray:
    """[1001]: the noise levels of the cosine chain from the noisiest to 0, see EDM's table 1."""

    def signal(j: int) -> float:
        return math.sin(math.pi / 2 * j / CHAIN / 1.008) ** 2

    levels = np.zeros(CHAIN + 1)
    for j in range(CHAIN, 0, -1):
        kept = max(signal(j - 1) / signal(j), 0.001)
        levels[j - 1] = math.sqrt((levels[j] ** 2 + 1) / kept - 1)
    return levels


@dataclasses.dataclass(frozen=True)
class Edm:
    """Noise added to clean examples, and a denoiser.

    Attributes:
      kind: of preconditioning, with its own noise levels and weights in training.
      sigma_data: standard deviation of the data (of "edm").
      mean, deviation: of the normal that log sigma is drawn from (of "edm").
      momentum: FDM's multiplier m: the input is scaled by e^-mB (1 + mB), with B of how far sigma
        is on its range; None: EDM's own input scaling. The published code ignores m for "ve" and
        takes 1.
      weight_warmup: FDM: the loss weights are bounded in the first updates, by a bound that would
        be hundredfold after so many; None: no bound.
    """

    kind: Kind = "edm"
    sigma_data: float = 0.5
    mean: float = -1.2
    deviation: float = 1.2
    momentum: float | None = None
    weight_warmup: int | None = None

    @property
    def sigma_range(self) -> tuple[float, float]:
        """The lowest and the highest noise level."""
        if self.kind == "vp":
            return vp_level(VP_FIRST), vp_level(1.0)
        if self.kind == "ve":
            return VE_RANGE
        if self.kind == "iddpm":
            return 0.0, float(iddpm_levels()[0])
        return 0.002, 80.0

    def scalings(self, sigma: Array, like: Array) -> Scalings:
        """Of the denoiser at `sigma` [B]."""
        s = per_example(sigma.astype(like.dtype), like)
        total = jnp.sqrt(s**2 + self.sigma_data**2)
        one = jnp.ones_like(s)
        skip = one
        scale = 1 / jnp.sqrt(1 + s**2)
        out = -s
        if self.kind == "edm":
            skip = (self.sigma_data / total) ** 2
            out = s * self.sigma_data / total
            scale = 1 / total
        elif self.kind == "ve":
            out = s
            scale = one
        if self.momentum is not None:
            scale = self.momentum_scale(s)
        return Scalings(skip, out, scale, self.told(sigma))

    def momentum_scale(self, sigma: Array) -> Array:
        """FDM's input scaling: the mean of a critically damped oscillator, from rest."""
        low, high = self.sigma_range
        t = (sigma - low) / (high - low)
        m = 1.0 if self.kind == "ve" else self.momentum
        b = m * (VP_SLOPE / 2 * t**2 + VP_START * t)
        return jnp.exp(-b) * (1 + b)

    def told(self, time: Array) -> Array:
        """c_noise [B]: what the network is told of sigma."""
        if self.kind == "edm":
            return jnp.log(time) / 4
        if self.kind == "ve":
            return jnp.log(time / 2)
        if self.kind == "vp":
            return (CHAIN - 1) * vp_time(time)
        return CHAIN - 1 - nearest_level(time).astype(time.dtype)

    def denoise(self, network: Network, x: Array, sigma: Array) -> Array:
        """D(x; sigma), an estimate of the clean example."""
        c = self.scalings(sigma, x)
        output = network(c.input * x, c.noise)[..., : x.shape[-1]]
        return c.skip * x + c.out * output

    # ----------------------------------------------------------------------------- training

    def time(self, uniform: Array, normal: Array) -> Array:
        """Here the time is the noise level."""
        if self.kind == "edm":
            return jnp.exp(self.mean + self.deviation * normal)
        if self.kind == "ve":
            low, high = VE_RANGE
            return low * (high / low) ** uniform
        if self.kind == "vp":
            return vp_sigma(1 + uniform * (VP_FIRST - 1))
        levels = jnp.asarray(iddpm_levels()[:-1], uniform.dtype)
        index = (uniform * CHAIN).astype(jnp.int32)
        return levels[jnp.minimum(index, CHAIN - 1)]

    def noisy(self, clean: Array, noise: Array, time: Array) -> Array:
        return clean + per_example(time, clean) * noise

    def weight(self, sigma: Array, step: Array) -> Array:
        """[B]: what an example's squared error of D counts at update `step`."""
        if self.kind == "edm":
            weight = (sigma**2 + self.sigma_data**2) / (sigma * self.sigma_data) ** 2
        else:
            weight = 1 / sigma**2
        if self.weight_warmup is None:
            return weight
        return jnp.minimum(weight, warmup_bound(step, self.weight_warmup))

    def error(self, network: Network, clean: Array, noise: Array, time: Array) -> Array:
        denoised = self.denoise(network, self.noisy(clean, noise, time), time)
        return mean_of_example(jnp.square(denoised - clean))

    def loss(self, network: Network, clean: Array, noise: Array, time: Array, step: Array) -> Array:
        return self.weight(time, step) * self.error(network, clean, noise, time)


def warmup_bound(step: Array, warmup: int) -> Array:
    """FDM's bound on the weights at update `step`; infinity once it would pass 500.

    The published code counts calls of the loss, which accumulation makes faster and a restart
    begins anew; here it is a function of the update.
    """
    bound = WARMUP_FROM * WARMUP_FACTOR ** (step / warmup)
    return jnp.where(bound < WARMUP_LAST, bound, jnp.inf)


def nearest_level(sigma: Array) -> Array:
    """[B]: the index in `iddpm_levels` of the level nearest to `sigma`."""
    levels = jnp.asarray(iddpm_levels(), sigma.dtype)
    return jnp.abs(sigma[:, None] - levels[None]).argmin(-1)
