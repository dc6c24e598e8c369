"""Running a traced function operation by operation."""

import jax
import jax.numpy as jnp

from effjax.models.blocks.activations import gelu
from effjax.search.proxies.replay import replay


def test_without_rules_the_results_are_the_function_s():
    x = jnp.linspace(-1.0, 1.0, 5)

    def function(x):
        y = jax.jit(gelu)(x) + jax.nn.relu(x)
        return {"sum": y.sum(), "all": jax.lax.cond(True, jnp.sin, jnp.cos, y)}

    found, expected = replay(function, {}, x), function(x)
    assert found["sum"] == expected["sum"]
    assert jnp.array_equal(found["all"], expected["all"])


def test_a_rule_changes_what_stands_inside_of_calls():
    """An error function of 1 makes x of a GELU, and the derivative follows."""

    def ones(operation, operands):
        return [jnp.ones_like(operands[0])]

    def function(x):
        return replay(jax.jit(gelu), {"erf": ones}, x)

    assert function(jnp.float64(-0.3)) == -0.3
    assert jax.grad(function)(jnp.float64(-0.3)) == 1


def test_the_branch_not_taken_is_not_seen():
    seen = []

    def note(operation, operands):
        seen.append(operation.primitive.name)

    def function(index, x):
        return jax.lax.switch(index, [jnp.tanh, jax.lax.logistic], x)

    replay(function, {"tanh": note, "logistic": note}, 1, jnp.ones(2))
    assert seen == ["logistic"]
