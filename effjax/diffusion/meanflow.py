"""MeanFlow: one step from noise to data, https://arxiv.org/abs/2505.13447.

Time 1 is noise: z_t = (1 - t) clean + t noise. The network predicts the mean velocity u(z, r, t)
from t back to r <= t. Shapes: B batch, ... the axes of an example; r, t [B].
"""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array, lax

from effjax.diffusion.process import Network
from effjax.diffusion.shapes import mean_of_example, per_example, sum_of_example

MeanVelocity = Callable[[Array, Array, Array], Array]  # (z, r, t) -> u
MARGIN = 1e-6  # of a uniform draw from 0 and 1, where the normal quantile is infinite


def target(u: MeanVelocity, z: Array, v: Array, r: Array, t: Array) -> tuple[Array, Array, Array]:
    """(u, du/dt along the path, v - (t - r) du/dt), each as z [B, ...], with the target held.

    du/dt = v du/dz + du/dt is one forward derivative along (v, 0, 1).
    """
    here = (z, r, t)
    # along the path z moves by v, r stays and t runs
    along = (v, jnp.zeros_like(r), jnp.ones_like(t))
    predicted, slope = jax.jvp(u, here, along)
    distance = per_example(t - r, z)
    wanted = v - distance * slope
    # held: otherwise training would need a second derivative of the network
    return predicted, slope, lax.stop_gradient(wanted)


def adaptive(error: Array, eps: float = 0.01, power: float = 1.0) -> Array:
    """An error [B] divided by its own size, as the weights of MeanFlow have it."""
    weight = 1 / (error + eps) ** power
    return lax.stop_gradient(weight) * error


@dataclasses.dataclass(frozen=True)
class MeanFlow:
    """The straight path with mean velocities.

    Attributes:
      mean, deviation: of the normal whose logistic is a time.
      equal: the share of examples with r = t, where u is the velocity itself.
      time_scale: the network is told times and their difference times this.
    """

    mean: float = -0.4
    deviation: float = 1.0
    equal: float = 0.75
    time_scale: float = 1000.0

    def time(self, uniform: Array, normal: Array) -> Array:
        """[B, 2]: (t, r) out of one uniform and one normal draw.

        The uniform says whether r = t and, where it is not, which second time there is: the share
        of the uniform that is left is again uniform.
        """
        same = uniform < self.equal
        left = (uniform - self.equal) / (1 - self.equal)
        inside = jnp.clip(left, MARGIN, 1 - MARGIN)
        second_normal = jax.scipy.special.ndtri(inside)
        first = self._logistic(normal)
        second = self._logistic(second_normal)
        # r is the earlier on the way back from noise
        t = jnp.where(same, first, jnp.maximum(first, second))
        r = jnp.where(same, first, jnp.minimum(first, second))
        return jnp.stack([t, r], axis=-1)

    def _logistic(self, normal: Array) -> Array:
        """A time in (0, 1) of a normal draw."""
        logit = self.mean + self.deviation * normal
        return jax.nn.sigmoid(logit)

    def told(self, time: Array) -> Array:
        """[B, 2]: (t, t - r), scaled."""
        t = time[:, 0]
        r = time[:, 1]
        both = jnp.stack([t, t - r], axis=-1)
        return self.time_scale * both

    def noisy(self, clean: Array, noise: Array, time: Array) -> Array:
        t = per_example(time[:, 0], clean)
        return (1 - t) * clean + t * noise

    def velocity_of(self, network: Network) -> MeanVelocity:
        """u(z, r, t) of a network that is told (t, t - r)."""

        def u(z: Array, r: Array, t: Array) -> Array:
            time = jnp.stack([t, r], axis=-1)
            output = network(z, self.told(time))
            # a network may have further channels, for a variance
            channels = z.shape[-1]
            return output[..., :channels]

        return u

    def loss(
        self,
        network: Network,
        clean: Array,
        noise: Array,
        time: Array,
        step: Array,
    ) -> Array:
        t = time[:, 0]
        r = time[:, 1]
        z = self.noisy(clean, noise, time)
        v = noise - clean
        u = self.velocity_of(network)
        predicted, _, wanted = target(u, z, v, r, t)
        # summed over the numbers of an example, before the weight
        error = sum_of_example(jnp.square(predicted - wanted))
        return adaptive(error)

    def error(
        self,
        network: Network,
        clean: Array,
        noise: Array,
        time: Array,
    ) -> Array:
        """Of the velocity alone, r = t: no derivative is needed."""
        t = time[:, 0]
        z = self.noisy(clean, noise, time)
        v = noise - clean
        u = self.velocity_of(network)
        predicted = u(z, t, t)
        return mean_of_example(jnp.square(predicted - v))
