"""Runs a traced function operation by operation, to look at its inner values or to change them.

A network's activations are functions, not layers, so that no list of layers shows them. The traced
program does: a ReLU takes the maximum with 0, a GELU an error function or a tanh, a SiLU a logistic
function, a softmax an exponential.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
from jax.extend.core import Jaxpr, JaxprEqn, Literal, jaxprs_in_params

# Given an operation and its operands: its results, or None to run it as it is.
Rule = Callable[[JaxprEqn, Sequence[Any]], Sequence[Any] | None]
Rules = Mapping[str, Rule]  # by the name of the operation
# operations that hold a program which runs once, and the parameter that is this program
CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "remat2": "jaxpr",
    "checkpoint": "jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
}


def replay(function: Callable[..., Any], rules: Rules, *args: Any) -> Any:
    """function(*args), the operations named in `rules` first offered to them.

    Programs inside of the program are gone through as well, save the bodies of loops.
    """
    program, shape = jax.make_jaxpr(function, return_shape=True)(*args)
    leaves = jax.tree.leaves(args)
    results = _run(program.jaxpr, program.consts, leaves, rules)
    return jax.tree.unflatten(jax.tree.structure(shape), results)


def _run(program: Jaxpr, consts: Sequence[Any], args: Sequence[Any], rules: Rules) -> list[Any]:
    values: dict[Any, Any] = dict(zip(program.constvars, consts, strict=True))
    values |= dict(zip(program.invars, args, strict=True))

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else values[atom]

    for operation in program.eqns:
        operands = [read(atom) for atom in operation.invars]
        rule = rules.get(operation.primitive.name)
        results = rule(operation, operands) if rule is not None else None
        if results is None:
            results = _step(operation, operands, rules)
        values |= dict(zip(operation.outvars, results, strict=True))
    return [read(atom) for atom in program.outvars]


def _step(operation: JaxprEqn, operands: Sequence[Any], rules: Rules) -> Sequence[Any]:
    """One operation; what holds a program with an operation of `rules` is gone through."""
    name = operation.primitive.name
    if name == "cond" and _holds(operation, rules):
        branches = []
        for branch in operation.params["branches"]:
            branches.append(functools.partial(_run_inner, branch, rules))
        index, *given = operands
        if isinstance(index, jax.core.Tracer):
            return jax.lax.switch(index, branches, *given)
        # the branch that is taken, and no other
        return branches[min(max(int(index), 0), len(branches) - 1)](*given)
    if name in CALLS and _holds(operation, rules):
        return _run_inner(operation.params[CALLS[name]], rules, *operands)
    # a call without an operation of `rules` runs as it is: it may have a derivative of its own
    params = operation.primitive.get_bind_params(operation.params)
    results = operation.primitive.bind(*operands, **params)
    return results if operation.primitive.multiple_results else [results]


def _run_inner(program: Any, rules: Rules, *operands: Any) -> list[Any]:
    """A program inside of an operation, with its constants or without."""
    consts = getattr(program, "consts", ())
    return _run(getattr(program, "jaxpr", program), consts, operands, rules)


def _holds(operation: JaxprEqn, rules: Rules) -> bool:
    """Whether a program inside of an operation has one of `rules`."""
    for program in jaxprs_in_params(operation.params):
        for inner in program.eqns:
            if inner.primitive.name in rules or _holds(inner, rules):
                return True
    return False
