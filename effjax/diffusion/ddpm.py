"""DDPM as in OpenAI's improved diffusion: learned variances, variational bound, min-SNR.

Ho et al. 2020 (https://arxiv.org/abs/2006.11239), Nichol & Dhariwal 2021
(https://arxiv.org/abs/2102.09672), Hang et al. 2023 (https://arxiv.org/abs/2303.09556).

Shapes: B batch, ... space, C channels; t int [B], steps of the chain.
"""

import dataclasses
import math
from typing import Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from effjax.diffusion.noise_schedule import Schedule
from effjax.diffusion.process import Network
from effjax.diffusion.shapes import gather, mean_of_example, per_example

HALF_BIN = 1 / 255  # of an 8-bit pixel in [-1, 1]
TAIL = 0.999  # beyond it a pixel's bin is open
SMALLEST = 1e-12  # a bin's probability at least, so that its log is finite
NATS_PER_BIT = math.log(2)


class Reverse(NamedTuple):
    """The normal distribution of x_{t-1} as a network sees it.

    Attributes:
      mean, log_variance: [B, ..., C].
      clean: the clean example that it stands for.
    """

    mean: Array
    log_variance: Array
    clean: Array


@dataclasses.dataclass(frozen=True)
class Ddpm:
    """A chain of T steps that turns examples into noise.

    Attributes:
      schedule: its tables.
      target: what the network predicts. "noise", "clean", or "velocity",
        sqrt(abar) noise - sqrt(1 - abar) clean.
      variance: of the reverse steps. "learned": between the two fixed ones, by as many further
        channels of the network.
      bound: what the variational bound adds to the loss of a learned variance.
      min_snr: gamma of the min-SNR weights; None: the plain mean square.
    """

    schedule: Schedule
    target: Literal["noise", "clean", "velocity"] = "noise"
    variance: Literal["learned", "small", "large"] = "small"
    bound: float = 1.0
    min_snr: float | None = None

    # ----------------------------------------------------------------------- the way to noise

    def time(self, uniform: Array, normal: Array) -> Array:
        count = len(self.schedule)
        t = (uniform * count).astype(jnp.int32)
        return jnp.minimum(t, count - 1)  # a uniform may round up to 1

    def noisy(self, clean: Array, noise: Array, time: Array) -> Array:
        alpha = self._alpha(time, clean)
        sigma = self._sigma(time, clean)
        return alpha * clean + sigma * noise

    def _alpha(self, t: Array, like: Array) -> Array:
        """sqrt(abar), the share of the clean example in x_t, in the rank of `like`."""
        abar = self.schedule.alphas_cumprod
        return gather(np.sqrt(abar), t, like)

    def _sigma(self, t: Array, like: Array) -> Array:
        """sqrt(1 - abar), the share of the noise in x_t."""
        abar = self.schedule.alphas_cumprod
        return gather(np.sqrt(1 - abar), t, like)

    # The quotients too come from tables, in float64: at the ends of the chain alpha or sigma is
    # near 0, and 1 - abar of a float32 would have few digits left.

    def _inverse_alpha(self, t: Array, like: Array) -> Array:
        """1 / alpha."""
        abar = self.schedule.alphas_cumprod
        return gather(np.sqrt(1 / abar), t, like)

    def _noise_ratio(self, t: Array, like: Array) -> Array:
        """sigma / alpha."""
        abar = self.schedule.alphas_cumprod
        return gather(np.sqrt(1 / abar - 1), t, like)

    def posterior_mean(self, clean: Array, noisy: Array, t: Array) -> Array:
        """The mean of x_{t-1} where x_t and the clean example are known."""
        clean_share = gather(self.schedule.posterior_clean, t, clean)
        noisy_share = gather(self.schedule.posterior_noisy, t, clean)
        return clean_share * clean + noisy_share * noisy

    def clean_from_noise(self, noise: Array, noisy: Array, t: Array) -> Array:
        """x_0 where x_t and its noise are known."""
        scaled = self._inverse_alpha(t, noisy) * noisy
        return scaled - self._noise_ratio(t, noisy) * noise

    def noise_from_clean(self, clean: Array, noisy: Array, t: Array) -> Array:
        """The noise where x_t and x_0 are known."""
        scaled = self._inverse_alpha(t, noisy) * noisy
        return (scaled - clean) / self._noise_ratio(t, noisy)

    # ------------------------------------------------------------------------- the way back

    def split(self, output: Array, channels: int) -> tuple[Array, Array | None]:
        """(the prediction, the variance value or None) of what the network gives."""
        predicted = output[..., :channels]
        if self.variance != "learned":
            return predicted, None
        return predicted, output[..., channels:]

    def clean(self, predicted: Array, noisy: Array, t: Array) -> Array:
        """x_0 out of the prediction."""
        if self.target == "clean":
            return predicted
        if self.target == "noise":
            return self.clean_from_noise(predicted, noisy, t)
        # x_t and the velocity are the clean example and the noise, turned; this turns them back
        alpha = self._alpha(t, noisy)
        sigma = self._sigma(t, noisy)
        return alpha * noisy - sigma * predicted

    def log_variance(self, value: Array | None, t: Array, like: Array) -> Array:
        """Of x_{t-1}: fixed, or interpolated by the network's `value` in about [-1, 1]."""
        small = gather(self.schedule.posterior_log_variance, t, like)
        if self.variance == "small":
            return jnp.broadcast_to(small, like.shape)
        if self.variance == "large":
            large = gather(self.schedule.log_variance_large, t, like)
            return jnp.broadcast_to(large, like.shape)
        large = gather(np.log(self.schedule.betas), t, like)
        share = (value + 1) / 2  # not clamped, as published
        return share * large + (1 - share) * small

    def reverse(self, output: Array, noisy: Array, t: Array, clip: bool = False) -> Reverse:
        """The distribution of x_{t-1}.

        Args:
          output: of the network for `noisy` [B, ..., C].
          clip: the clean example into [-1, 1]; for pixels, never for latents.
        """
        predicted, value = self.split(output, noisy.shape[-1])
        clean = self.clean(predicted, noisy, t)
        if clip:
            clean = jnp.clip(clean, -1, 1)
        mean = self.posterior_mean(clean, noisy, t)
        log_variance = self.log_variance(value, t, noisy)
        return Reverse(mean, log_variance, clean)

    # --------------------------------------------------------------------------- the losses

    def bound_terms(self, output: Array, clean: Array, noisy: Array, t: Array) -> Array:
        """[B]: the terms of the variational bound in bits for each number of an example.

        At t = 0 the decoder: minus the log likelihood of 8-bit pixels. In latents its bins mean
        nothing, but published runs contain it.
        """
        there = self.reverse(output, noisy, t)
        true_mean = self.posterior_mean(clean, noisy, t)
        true_log = gather(self.schedule.posterior_log_variance, t, clean)
        divergence = normal_kl(true_mean, true_log, there.mean, there.log_variance)
        log_deviation = 0.5 * there.log_variance
        decoder = -discretised_log_likelihood(clean, there.mean, log_deviation)
        is_first = per_example(t == 0, clean)
        terms = jnp.where(is_first, decoder, divergence)
        return mean_of_example(terms) / NATS_PER_BIT

    def prior_bits(self, clean: Array) -> Array:
        """[B]: how far the end of the chain is from a unit normal, in bits for each number."""
        last = len(self.schedule) - 1
        t = jnp.full(clean.shape[0], last)
        abar = self.schedule.alphas_cumprod
        mean = self._alpha(t, clean) * clean
        log_variance = gather(np.log(1 - abar), t, clean)
        # a unit normal has mean 0 and log variance 0
        zero = jnp.zeros_like(mean)
        divergence = normal_kl(mean, log_variance, zero, zero)
        return mean_of_example(divergence) / NATS_PER_BIT

    def weight(self, t: Array, dtype: jnp.dtype) -> Array:
        """[B]: what an example's squared error counts."""
        if self.min_snr is None:
            return jnp.ones(t.shape, dtype)
        snr = self.schedule.snr
        bounded = np.minimum(snr, self.min_snr)
        # an error of the clean example is one of the noise times 1 / SNR
        relative = {
            "noise": bounded / snr,
            "clean": bounded,
            "velocity": bounded / (snr + 1),
        }
        weights = jnp.asarray(relative[self.target], dtype)
        return weights[t]

    def wanted(self, clean: Array, noise: Array, t: Array) -> Array:
        """What the network should predict."""
        if self.target == "noise":
            return noise
        if self.target == "clean":
            return clean
        alpha = self._alpha(t, clean)
        sigma = self._sigma(t, clean)
        return alpha * noise - sigma * clean

    def losses(
        self, output: Array, clean: Array, noise: Array, noisy: Array, t: Array
    ) -> dict[str, Array]:
        """{"mse", "loss"} of each example [B], and "vb" where the variance is learned."""
        predicted, value = self.split(output, clean.shape[-1])
        error = self.wanted(clean, noise, t) - predicted
        mse = mean_of_example(jnp.square(error))
        mse = self.weight(t, mse.dtype) * mse
        if value is None:
            return {"mse": mse, "loss": mse}
        # the bound teaches the variance alone
        held = jnp.concatenate([lax.stop_gradient(predicted), value], -1)
        bound = self.bound * self.bound_terms(held, clean, noisy, t)
        return {"mse": mse, "vb": bound, "loss": mse + bound}

    def told(self, t: Array) -> Array:
        """What the network is told of the steps `t`: those of the chain it was trained on."""
        times = jnp.asarray(self.schedule.times)
        return times[t]

    def loss(self, network: Network, clean: Array, noise: Array, time: Array, step: Array) -> Array:
        noisy = self.noisy(clean, noise, time)
        output = network(noisy, self.told(time))
        found = self.losses(output, clean, noise, noisy, time)
        return found["loss"]

    def error(self, network: Network, clean: Array, noise: Array, time: Array) -> Array:
        noisy = self.noisy(clean, noise, time)
        output = network(noisy, self.told(time))
        predicted, _ = self.split(output, clean.shape[-1])
        error = self.wanted(clean, noise, time) - predicted
        return mean_of_example(jnp.square(error))


def normal_kl(mean1: Array, log_variance1: Array, mean2: Array, log_variance2: Array) -> Array:
    """KL divergence of two normal distributions, element by element, in nats."""
    ratio = jnp.exp(log_variance1 - log_variance2)
    distance = jnp.square(mean1 - mean2) * jnp.exp(-log_variance2)
    return 0.5 * (-1 + log_variance2 - log_variance1 + ratio + distance)


def normal_cdf(x: Array) -> Array:
    """The normal distribution function by a tanh, as the published bound has it."""
    cubic = x + 0.044715 * x**3
    return 0.5 * (1 + jnp.tanh(math.sqrt(2 / math.pi) * cubic))


def discretised_log_likelihood(x: Array, mean: Array, log_scale: Array) -> Array:
    """Log probability of 8-bit pixels `x` in [-1, 1] under a normal that is cut into their bins."""
    centred = x - mean
    inverse = jnp.exp(-log_scale)
    upper = normal_cdf(inverse * (centred + HALF_BIN))
    lower = normal_cdf(inverse * (centred - HALF_BIN))

    def log(share: Array) -> Array:
        return jnp.log(jnp.maximum(share, SMALLEST))

    # the bin of black has no lower edge, that of white no upper one
    inner = log(upper - lower)
    from_white = jnp.where(x > TAIL, log(1 - lower), inner)
    return jnp.where(x < -TAIL, log(upper), from_white)
