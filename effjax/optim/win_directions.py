"""The directions that the Win family accelerates, each with its own hyperparameters.

The table in `win_members.py` makes optimizers of them; the names are those of the methods.
"""

import optax

from effjax.optim.adan import scale_by_adan
from effjax.optim.decay import Mask
from effjax.optim.directions import scale_by_moments, scale_by_momentum
from effjax.optim.hints import Amount, Epsilon, KeepFactor, Period, PositiveAmount, Share, Whole
from effjax.optim.kl_soap import scale_by_kl_soap
from effjax.optim.lamb import scale_by_lamb
from effjax.optim.matrices import Scale, for_matrices
from effjax.optim.muon import scale_by_muon
from effjax.optim.soap import scale_by_soap
from effjax.optim.soap_muon import scale_by_soap_muon


def sgd(
    momentum: KeepFactor = 0.9,
    dampening: Share = 0.0,
    nesterov: bool = True,
) -> optax.GradientTransformation:
    return scale_by_momentum(momentum, dampening, nesterov)


def adam(
    b1: KeepFactor = 0.9,
    b2: KeepFactor = 0.999,
    eps: Epsilon = 1e-8,
    *,
    amsgrad: bool = False,
) -> optax.GradientTransformation:
    return scale_by_moments(b1, b2, eps, amsgrad=amsgrad, early_eps=True)


def adamw(
    b1: KeepFactor = 0.9,
    b2: KeepFactor = 0.999,
    eps: Epsilon = 1e-8,
    *,
    amsgrad: bool = False,
) -> optax.GradientTransformation:
    return scale_by_moments(b1, b2, eps, amsgrad=amsgrad)


def lamb(
    b1: KeepFactor = 0.9,
    b2: KeepFactor = 0.999,
    eps: Epsilon = 1e-6,
    *,
    weight_decay: Amount = 0.0,
    mask: Mask = None,
    always_adapt: bool = False,
    trust_clip: bool = False,
    bias_correction: bool = True,
    grad_averaging: bool = True,
) -> optax.GradientTransformation:
    return scale_by_lamb(
        b1,
        b2,
        eps,
        weight_decay=weight_decay,
        mask=mask,
        always_adapt=always_adapt,
        trust_clip=trust_clip,
        bias_correction=bias_correction,
        grad_averaging=grad_averaging,
    )


def adan(
    b1: KeepFactor = 0.98,
    b2: KeepFactor = 0.92,
    b3: KeepFactor = 0.99,
    eps: Epsilon = 1e-8,
) -> optax.GradientTransformation:
    return scale_by_adan(b1, b2, b3, eps)


def lion(b1: KeepFactor = 0.9, b2: KeepFactor = 0.99) -> optax.GradientTransformation:
    return optax.scale_by_lion(b1, b2)


def muon(
    beta: KeepFactor = 0.95, *, scale: Scale = "spectral", adam_scale: PositiveAmount = 1.0
) -> optax.GradientTransformation:
    return for_matrices(scale_by_muon(beta, scale=scale), scale=adam_scale)


def soap(
    b1: KeepFactor = 0.95,
    b2: KeepFactor = 0.95,
    eps: Epsilon = 1e-8,
    *,
    refresh_period: Period = 10,
    largest_axis: Whole = 10000,
) -> optax.GradientTransformation:
    return scale_by_soap(b1, b2, eps, refresh_period=refresh_period, largest_axis=largest_axis)


def kl_soap(
    b1: KeepFactor = 0.95,
    b2: KeepFactor = 0.95,
    eps: Epsilon = 1e-8,
    *,
    refresh_period: Period = 10,
    largest_axis: Whole = 10000,
) -> optax.GradientTransformation:
    return scale_by_kl_soap(b1, b2, eps, refresh_period=refresh_period, largest_axis=largest_axis)


def soap_muon(
    beta: KeepFactor = 0.95,
    b2: KeepFactor = 0.9,
    eps: Epsilon = 1e-8,
    *,
    refresh_period: Period = 10,
    largest_axis: Whole = 10000,
    scale: Scale = "spectral",
    adam_scale: PositiveAmount = 1.0,
) -> optax.GradientTransformation:
    direction = scale_by_soap_muon(
        beta, b2, eps, refresh_period=refresh_period, largest_axis=largest_axis, scale=scale
    )
    return for_matrices(direction, scale=adam_scale)
