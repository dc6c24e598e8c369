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
from effjax.diffusion.shapes import mean_of_example, per_example

MeanVelocity = Callable[[Array, Array, Array], Array]  # (z, r, t) -> u


def target(u: MeanVelocity, z: Array, v: Array, r: Array, t: Array) -> tuple[Array, Array, Array]:
    """(u, du/dt along the path, v - (t - r) du/dt), with the target held.

    du/dt = v du/dz + du/dt is one forward derivative along (v, 0, 1).
    """
    predicted, slope = jax.jvp(u, (z, r, t), (v, jnp.zeros_like(r), jnp.ones_like(t)))
    distance = per_example(t - r, z)
    return predicted, slope, lax.stop_gradient(v - distance * slope)


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
        rest = jnp.clip((uniform - self.equal) / (1 - self.equal), 1e-6, 1 - 1e-6)
        second = jax.scipy.special.ndtri(rest)
        times = jnp.stack([normal, second], -1)
        times = jax.nn.sigmoid(self.mean + self.deviation * times)
        high, low = times.max(-1), times.min(-1)
        same = uniform < self.equal
        t = jnp.where(same, times[:, 0], high)
        return jnp.stack([t, jnp.where(same, t, low)], -1)

    def told(self, time: Array) -> Array:
        """[B, 2]: (t, t - r), scaled."""
        t, r = time[:, 0], time[:, 1]
        return self.time_scale * jnp.stack([t, t - r], -1)

    def noisy(self, clean: Array, noise: Array, time: Array) -> Array:
        t = per_example(time[:, 0], clean)
        return (1 - t) * clean + t * noise

    def velocity_of(self, network: Network) -> MeanVelocity:
        """u(z, r, t) of a network that is told (t, t - r)."""

        def u(z: Array, r: Array, t: Array) -> Array:
            return network(z, self.told(jnp.stack([t, r], -1)))[..., : z.shape[-1]]

        return u

    def loss(self, network: Network, clean: Array, noise: Array, time: Array, step: Array) -> Array:
        t, r = time[:, 0], time[:, 1]
        z = self.noisy(clean, noise, time)
        predicted, _, wanted = target(self.velocity_of(network), z, noise - clean, r, t)
        # summed over the numbers of an example, before the weight
        error = jnp.square(predicted - wanted).sum(tuple(range(1, z.ndim)))
        return adaptive(error)

    def error(self, network: Network, clean: Array, noise: Array, time: Array) -> Array:
        """Of the velocity alone, r = t: no derivative is needed."""
        t = time[:, 0]
        now = jnp.stack([t, t], -1)
        z = self.noisy(clean, noise, now)
        predicted = self.velocity_of(network)(z, t, t)
        return mean_of_example(jnp.square(predicted - (noise - clean)))
