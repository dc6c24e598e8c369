"""The members of the Win family: SGD, Adam, AdamW and LAMB as published, and some of ours.

Each is clipping, a direction, and `accelerated_step` (`win.py`). One table says what differs, one
function makes the members of it.
"""

import inspect
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import optax

from effjax.optim import win_directions
from effjax.optim.clipping import clip_by_norm
from effjax.optim.decay import Mask, add_coupled_decay
from effjax.optim.hints import Amount, Norm, PositiveAmount, Rate
from effjax.optim.registry import Make, register_optimizer
from effjax.optim.win import Mode, accelerated_step

# ---------------------------------------------------------------- the factory


class Member(NamedTuple):
    """What one member has of its own.

    Attributes:
        name: of the function.
        line: what it accelerates, for the docstring.
        rule: one sentence on it, for the docstring.
        direction: hyperparameters -> transformation of gradients into a direction.
        decay: 'proximal' in the step, 'coupled' with the gradient, or 'inside' the direction.
        clip_eps: what is added to the norm when clipping; None: the hyperparameter `eps`.
        example: arguments of the docstring's example.
        max_grad_norm: its default.
    """

    name: str
    line: str
    rule: str
    direction: Callable[..., optax.GradientTransformation]
    decay: Literal["proximal", "coupled", "inside"]
    clip_eps: float | None
    example: str
    max_grad_norm: float | None = None


def make_member(member: Member) -> Make:
    """The function that makes one member, entered in the registry with its Win2 form."""

    def build(
        learning_rate: Rate,
        *,
        weight_decay: Amount = 0.0,
        mask: Mask = None,
        max_grad_norm: Norm | None = member.max_grad_norm,
        factors: tuple[PositiveAmount, PositiveAmount] = (2.0, 8.0),
        mode: Mode = "win",
        **own: Any,
    ) -> optax.GradientTransformation:
        # the authors' code adds the method's own eps to the norm
        clip_eps = member.clip_eps
        if clip_eps is None:
            clip_eps = own.get("eps", parameters["eps"].default)
        parts = [clip_by_norm(max_grad_norm, clip_eps)]
        # one decay, in one of three places
        step_decay: dict[str, Any] = {}
        if member.decay == "coupled":
            parts.append(add_coupled_decay(weight_decay, mask))
        elif member.decay == "inside":
            own.update(weight_decay=weight_decay, mask=mask)
        else:
            step_decay.update(weight_decay=weight_decay, mask=mask)
        parts.append(member.direction(**own))
        parts.append(accelerated_step(learning_rate, **step_decay, factors=factors, mode=mode))
        return optax.chain(*parts)

    parameters = inspect.signature(member.direction).parameters
    build.__name__ = member.name
    build.__qualname__ = member.name
    build.__doc__ = _docstring(member)
    # one signature of the direction's hyperparameters and those that all members share
    common = inspect.signature(build)
    build.__annotations__ = {**member.direction.__annotations__, **build.__annotations__}
    del build.__annotations__["own"]
    build.__signature__ = _joined(common, parameters.values())
    win2 = {f"{member.name}2": {"mode": "win2"}}
    return register_optimizer(paper="Zhou et al., ICLR 2023", fixed=win2)(build)


def _joined(common: inspect.Signature, own: Any) -> inspect.Signature:
    """learning_rate, the own positional arguments, then all others by keyword."""
    rate, *shared = common.parameters.values()
    shared = [p for p in shared if p.kind is not p.VAR_KEYWORD]
    # the decay of LAMB is both an argument of its direction and shared by all
    taken = {p.name for p in shared}
    own = [p for p in own if p.name not in taken]
    positional = [p for p in own if p.kind is not p.KEYWORD_ONLY]
    keyword = [p for p in own if p.kind is p.KEYWORD_ONLY]
    return common.replace(parameters=[rate, *positional, *keyword, *shared])


def _docstring(member: Member) -> str:
    return f"""{member.line}, accelerated by Win or Win2.

    {member.rule}

    Args:
        learning_rate: a number, a traced scalar or a schedule.
        weight_decay, mask: decay, and which leaves decay.
        max_grad_norm: bound on the norm of all gradients together; None turns clipping off.
        factors: how much larger the reckless steps are, see `accelerated_step`.
        mode: 'win' or 'win2'.

    Raises:
        UserError: for a hyperparameter out of its range.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x - 1) ** 2)
        >>> x = jnp.full(3, 3.0)
        >>> tx = effjax.optim.{member.name}({member.example})
        >>> state = tx.init(x)
        >>> for _ in range(600):
        ...     updates, state = tx.update(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(x) < 1e-2)
        True
    """


# ---------------------------------------------------------------- the table


sgd_win = make_member(
    Member(
        name="sgd_win",
        line="SGD with momentum",
        rule="`scale_by_momentum`, then `accelerated_step` with proximal decay.",
        direction=win_directions.sgd,
        decay="proximal",
        clip_eps=1e-8,
        example='0.02, mode="win2"',
    )
)
adam_win = make_member(
    Member(
        name="adam_win",
        line="Adam with decay in the gradient",
        rule="g <- g + wd p, Adam's direction with eps before the bias correction, then the step.",
        direction=win_directions.adam,
        decay="coupled",
        clip_eps=None,
        example="0.05",
    )
)
adamw_win = make_member(
    Member(
        name="adamw_win",
        line="AdamW with proximal decay",
        rule="Adam's direction (`scale_by_moments`), then `accelerated_step`.",
        direction=win_directions.adamw,
        decay="proximal",
        clip_eps=None,
        example='0.05, mode="win2"',
    )
)
lamb_win = make_member(
    Member(
        name="lamb_win",
        line="LAMB",
        rule="`scale_by_lamb`, whose decay is inside the direction, then `accelerated_step`.",
        direction=win_directions.lamb,
        decay="inside",
        clip_eps=0.0,
        example="0.02, weight_decay=1e-4",
        max_grad_norm=1.0,
    )
)
adan_win = make_member(
    Member(
        name="adan_win",
        line="Adan with proximal decay (ours: no published code)",
        rule="`scale_by_adan`, then `accelerated_step`.",
        direction=win_directions.adan,
        decay="proximal",
        clip_eps=None,
        example="0.05",
    )
)
lion_win = make_member(
    Member(
        name="lion_win",
        line="Lion with proximal decay (ours: no published code)",
        rule="The direction of `optax.scale_by_lion`, then `accelerated_step`.",
        direction=win_directions.lion,
        decay="proximal",
        clip_eps=0.0,
        example="0.01",
    )
)
muon_win = make_member(
    Member(
        name="muon_win",
        line="Muon with proximal decay (ours: no published code)",
        rule="`scale_by_muon` for matrices, Adam's direction for the rest, then the step.",
        direction=win_directions.muon,
        decay="proximal",
        clip_eps=0.0,
        example="0.02",
    )
)
soap_win = make_member(
    Member(
        name="soap_win",
        line="SOAP with proximal decay (ours: no published code)",
        rule="`scale_by_soap`, then `accelerated_step`.",
        direction=win_directions.soap,
        decay="proximal",
        clip_eps=None,
        example="0.05",
    )
)
kl_soap_win = make_member(
    Member(
        name="kl_soap_win",
        line="KL-SOAP with proximal decay (ours: no published code)",
        rule="`scale_by_kl_soap`, then `accelerated_step`.",
        direction=win_directions.kl_soap,
        decay="proximal",
        clip_eps=None,
        example="0.05",
    )
)
soap_muon_win = make_member(
    Member(
        name="soap_muon_win",
        line="SOAP-Muon with proximal decay (ours: no published code)",
        rule="`scale_by_soap_muon` for matrices, Adam's direction for the rest, then the step.",
        direction=win_directions.soap_muon,
        decay="proximal",
        clip_eps=0.0,
        example="0.02",
    )
)
