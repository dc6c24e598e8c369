"""What optimizers there are: by name, by the path of a plug-in, and what each of them needs."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import optax

from effjax import plugins
from effjax.errors import UserError, nearest
from effjax.optim.registry import Make, OptimizerInfo, describe, registry


def list_optimizers() -> dict[str, OptimizerInfo]:
    """Name -> `OptimizerInfo`: one line, paper, hyperparameters, state arrays; ours first."""
    entries = registry().items()
    # sorted() keeps the order of equals, so that ours stay in the order of their files
    return dict(sorted(entries, key=lambda entry: entry[1].source.startswith("optax")))


def optimizer_info(name: str) -> OptimizerInfo:
    """What there is to say about one optimizer.

    Args:
        name: an entry of `list_optimizers()`, or "package.module:function", which is imported from
            the Python path.

    Raises:
        UserError: there is none of that name; the message names the nearest.
    """
    found = plugins.look_up("optimizer", name, registry())
    if found is None:
        raise UserError(f"unknown optimizer {name!r}: {nearest(name, registry())}")
    return found if isinstance(found, OptimizerInfo) else _plug_in(name, found)


def extra_arguments(name: str, **hyperparameters: Any) -> tuple[str, ...]:
    """The extra arguments that the `update` of `create(name, ..., **hyperparameters)` wants.

    Those of a wrapper are those of the optimizer in it. "value": the loss, a scalar; "grad": the
    gradients; "value_fn" and "obj_fn": functions of the parameters that give the loss.
    """
    info = optimizer_info(name)
    inside = inner_of(info, hyperparameters)
    return info.needs if inside is None else (*info.needs, *inside.needs)


def check_arguments(
    name: str, hyperparameters: Mapping[str, Any], given: Sequence[str] = ()
) -> None:
    """Refuses an optimizer whose `update` wants more than is given.

    Args:
        name, hyperparameters: as for `create`.
        given: names of the extra arguments that `update` will get.

    Raises:
        UserError: something is missing; the message says what to take instead.
    """
    settings = {key: value for key, value in hyperparameters.items() if key == "inner"}
    # the inner optimizer of a wrapper needs what it needs
    missing = [need for need in extra_arguments(name, **settings) if need not in given]
    if missing:
        raise UserError(
            f"optimizer {name!r} needs {', '.join(missing)}, which this training does not give\n"
            "take one that needs gradients alone, such as adan, adamw or muon"
        )


def ties_leaves(name: str, hyperparameters: Mapping[str, Any]) -> bool:
    """Whether a method, or the one inside it, takes one number over all leaves that it serves.

    Args:
        name, hyperparameters: as for `create`.
    """
    info = optimizer_info(name)
    settings = {**info.hyperparameters, **hyperparameters}
    if info.coupling != "nothing" or settings.get("max_grad_norm") is not None:
        return True
    inside = inner_of(info, hyperparameters)
    if inside is None:
        return False
    rest = {key: value for key, value in hyperparameters.items() if key != "inner"}
    return ties_leaves(inside.name, rest)


def parameter_split(name: str, params: optax.Params) -> Any | None:
    """Which part of a method serves which parameter: a tree of labels like `params`.

    None where the method treats all parameters alike. Muon and its like: 'matrix' for what they
    make orthogonal, 'adam' for the rest.
    """
    split = optimizer_info(name).split
    return None if split is None else split(params)


def inner_of(info: OptimizerInfo, settings: Mapping[str, Any]) -> OptimizerInfo | None:
    """The optimizer that `info` wraps, or None."""
    if info.wraps is None:
        return None
    inner = settings.get("inner", info.wraps)
    if not isinstance(inner, str):
        raise UserError(
            f"optimizer {info.name!r} got inner={inner!r}, expected the name of an optimizer\n"
            f"default: inner={info.wraps!r}"
        )
    return optimizer_info(inner)


def _plug_in(name: str, make: Make) -> OptimizerInfo:
    """What there is to say about the function that the path `name` of a plug-in names."""
    _, _, function_name = name.partition(":")
    # a module may enter its function itself, with a paper and what it needs
    if function_name in registry():
        entered = registry()[function_name]
        if entered.make is inspect.unwrap(make):
            return entered
    return describe(make, paper="", name=name)
