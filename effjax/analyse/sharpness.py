"""`--what=sharpness`: how far the loss rises near the weights, in three ways."""

import jax
import jax.numpy as jnp

from effjax.analyse.settings import Found, Settings, measure
from effjax.analyse.subject import Pair, Subject
from effjax.contract import Params
from effjax.curvature.products import weighted_mean
from effjax.curvature.sharpness import perturbed, sharpness

RADII = (0.05, 0.2)  # of SAM
ADAPTIVE = 0.5  # of ASAM
ASCENT = 5  # steps of an ascent


def count_passes(subject: Subject, settings: Settings) -> int:
    """A radius takes the gradient here and two ascents; the last pass goes batch by batch."""
    radii = [*RADII, ADAPTIVE]
    return len(radii) * (1 + 2 * ASCENT) + 1


@measure(
    "sharpness",
    "the rise of the loss near the weights: SAM, ASAM, batch by batch",
    passes=count_passes,
)
def look_at_sharpness(subject: Subject, settings: Settings) -> Found:
    """Adaptive sharpness is the same however layers are scaled: compare runs by it."""
    key = jax.random.key(settings.seed)
    values = {}
    for rho in RADII:
        rise = sharpness(subject.gradient, subject.params, rho, key, steps=ASCENT)
        values[f"rise within {rho:g}"] = rise
    values[f"rise within {ADAPTIVE:g} of each weight"] = sharpness(
        subject.gradient, subject.params, ADAPTIVE, key, adaptive=True, steps=ASCENT
    )
    values[f"rise within {RADII[0]:g}, batch by batch"] = batch_sharpness(subject, RADII[0])
    return Found(values)


def batch_sharpness(subject: Subject, rho: float) -> float:
    """The mean over batches of the rise of a batch's loss after one step of SAM on that batch."""

    @jax.jit
    def rise(params: Params, pair: Pair) -> jax.Array:
        here, grads = jax.value_and_grad(subject.loss)(params, pair)
        there = perturbed(params, grads, rho)
        return jnp.asarray(subject.loss(there, pair) - here)

    return float(weighted_mean(lambda pair: rise(subject.params, pair), subject.pairs()))
