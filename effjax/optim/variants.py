"""Methods of optax in the form that the factory wants: maskable decay, states of plain arrays.

Schedule-free: Defazio, Yang, Mehta, Mishchenko, Khaled, Cutkosky: The Road Less Scheduled, 2024,
https://arxiv.org/abs/2405.15682. The parameters that are trained are y, where gradients are taken;
`effjax.optim.eval_params` gives the average x, which is what to evaluate.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from effjax.optim.decay import LearningRate, Mask, StepState, add_coupled_decay, is_masked
from effjax.optim.evaluated import evaluates
from effjax.optim.hints import (
    Amount,
    Epsilon,
    KeepFactor,
    PositiveAmount,
    Power,
    Rate,
    Seed,
    ShareAboveZero,
)
from effjax.optim.registry import register_optimizer

SCHEDULE_FREE = "arXiv:2405.15682, Defazio et al. 2024"


@register_optimizer(paper=SCHEDULE_FREE)
def schedule_free_adamw(
    learning_rate: Rate,
    b1: ShareAboveZero = 0.9,
    b2: KeepFactor = 0.999,
    eps: Epsilon = 1e-8,
    *,
    weight_decay: Amount = 0.0,
    mask: Mask = None,
    weight_lr_power: Power = 2.0,
) -> optax.GradientTransformationExtraArgs:
    """Schedule-free AdamW.

        z <- z - lr (g / (sqrt(v / (1 - b2^t)) + eps) + wd y)
        x <- (1 - c) x + c z,    c = lr_max^power / sum of lr_max^power
        y <- b1 x + (1 - b1) z

    Args:
        learning_rate: constant or with a warm-up; no decay is needed.
        b1: how far y stands from z; b2, eps: Adam's second moment.
        weight_decay: wd, taken at y; mask: which leaves decay.
        weight_lr_power: power of the rate in the weights of the average.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x - 1) ** 2)
        >>> y = jnp.zeros(3)
        >>> tx = effjax.optim.schedule_free_adamw(0.1)
        >>> state = tx.init(y)
        >>> for _ in range(300):
        ...     updates, state = tx.update(jax.grad(f)(y), state, y)
        ...     y = optax.apply_updates(y, updates)
        >>> bool(f(effjax.optim.eval_params(y, state)) < 1e-2)
        True
    """
    # z's own steps: Adam without momentum, which the average x takes the place of
    base = optax.chain(
        optax.scale_by_rms(decay=b2, eps=eps, eps_in_sqrt=False, bias_correction=True),
        add_coupled_decay(weight_decay, mask),
        optax.scale_by_learning_rate(learning_rate),
    )
    return optax.contrib.schedule_free(base, learning_rate, b1, weight_lr_power)


@register_optimizer(paper=SCHEDULE_FREE)
def schedule_free_sgd(
    learning_rate: Rate,
    b1: ShareAboveZero = 0.9,
    *,
    weight_decay: Amount = 0.0,
    mask: Mask = None,
    weight_lr_power: Power = 2.0,
) -> optax.GradientTransformationExtraArgs:
    """Schedule-free SGD.

    As `schedule_free_adamw`, with z <- z - lr (g + wd y).

    Args:
        learning_rate: constant or with a warm-up; no decay is needed.
        b1: how far y stands from z.
        weight_decay: wd, taken at y; mask: which leaves decay.
        weight_lr_power: power of the rate in the weights of the average.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x - 1) ** 2)
        >>> y = jnp.zeros(3)
        >>> tx = effjax.optim.schedule_free_sgd(0.3)
        >>> state = tx.init(y)
        >>> for _ in range(100):
        ...     updates, state = tx.update(jax.grad(f)(y), state, y)
        ...     y = optax.apply_updates(y, updates)
        >>> bool(f(effjax.optim.eval_params(y, state)) < 1e-2)
        True
    """
    base = optax.chain(
        add_coupled_decay(weight_decay, mask),
        optax.scale_by_learning_rate(learning_rate),
    )
    return optax.contrib.schedule_free(base, learning_rate, b1, weight_lr_power)


@evaluates(optax.contrib.ScheduleFreeState)
def _schedule_free_average(
    params: optax.Params, state: optax.contrib.ScheduleFreeState
) -> optax.Params:
    """x from y = b1 x + (1 - b1) z."""

    def of_leaf(z: Any, y: Any) -> Any:
        # of another group of parameters
        if is_masked(z):
            return y
        return ((y - (1 - state.b1) * z) / state.b1).astype(y.dtype)

    return jax.tree.map(of_leaf, state.z, params, is_leaf=is_masked)


class ScheduledState(NamedTuple):
    """State of `scheduled`: the schedule's counter, and the state of what is scheduled."""

    schedule: StepState
    inner: optax.OptState


def scheduled(
    make: Callable[[LearningRate], optax.GradientTransformation], learning_rate: optax.Schedule
) -> optax.GradientTransformationExtraArgs:
    """A schedule for a method whose function takes a number only: `make(lr)` at each update."""

    def init(params: optax.Params) -> ScheduledState:
        inner = make(learning_rate(0)).init(params)
        return ScheduledState(StepState(jnp.zeros([], jnp.int32)), inner)

    def update(
        updates: optax.Updates,
        state: ScheduledState,
        params: optax.Params | None = None,
        **extra_args: Any,
    ) -> tuple[optax.Updates, ScheduledState]:
        # made anew at each update, inside of the traced step: only its arithmetic remains
        count = state.schedule.count
        tx = optax.with_extra_args_support(make(learning_rate(count)))
        updates, inner = tx.update(updates, state.inner, params, **extra_args)
        return updates, ScheduledState(StepState(count + 1), inner)

    return optax.GradientTransformationExtraArgs(init, update)


@register_optimizer(paper="arXiv:1511.06807, Neelakantan et al. 2015")
def noisy_sgd(
    learning_rate: Rate,
    eta: Amount = 0.01,
    gamma: Power = 0.55,
    seed: Seed = 0,
) -> optax.GradientTransformation:
    """SGD with annealed Gaussian noise.

    p <- p - lr (g + e),    e ~ N(0, eta / (1 + t)^gamma)
    """
    noise = _plain_key(optax.add_noise(eta, gamma, jax.random.key(seed)))
    return optax.chain(noise, optax.scale_by_learning_rate(learning_rate))


@register_optimizer(
    paper="arXiv:1607.00133, Abadi et al. 2016",
    needs=("gradients with a leading axis of examples",),
    coupling="direction",
)
def dpsgd(
    learning_rate: Rate,
    l2_norm_clip: PositiveAmount,
    noise_multiplier: Amount,
    seed: Seed = 0,
    momentum: KeepFactor | None = None,
    nesterov: bool = False,
) -> optax.GradientTransformation:
    """Differentially private SGD; its gradients have a leading axis of examples.

    The gradient of each example is clipped to `l2_norm_clip`, their sum gets Gaussian noise of
    `noise_multiplier * l2_norm_clip`, and the mean goes to SGD.
    """
    # the same noise on every device: their gradients are one mean
    key = jax.random.key(seed)
    private = optax.contrib.differentially_private_aggregate(l2_norm_clip, noise_multiplier, key)
    return optax.chain(_plain_key(private), optax.sgd(learning_rate, momentum, nesterov))


def _plain_key(tx: optax.GradientTransformation) -> optax.GradientTransformation:
    """`tx`, with its random key stored as an array of integers, as checkpoints want it."""

    # typed keys have a dtype that a file cannot hold
    def plain(state: Any) -> Any:
        return state._replace(rng_key=jax.random.key_data(state.rng_key))

    def init(params: optax.Params) -> Any:
        return plain(tx.init(params))

    def update(
        updates: optax.Updates,
        state: Any,
        params: optax.Params | None = None,
    ) -> tuple[optax.Updates, Any]:
        state = state._replace(rng_key=jax.random.wrap_key_data(state.rng_key))
        updates, state = tx.update(updates, state, params)
        return updates, plain(state)

    return optax.GradientTransformation(init, update)
