"""`effjax profile`: the operations of a trace, with the part of the model they come from."""

import jax
import jax.numpy as jnp

from effjax.inspect.profile import origins, read_trace


def test_a_product_is_found_where_it_was_written(tmp_path):
    def two_parts(x):
        with jax.named_scope("heavy"):
            y = jax.lax.optimization_barrier(x @ x)  # or XLA makes one operation of both
        with jax.named_scope("light"):
            return jnp.sin(y[0]).sum()

    x = jax.device_put(jnp.ones((700, 700)))
    compiled = jax.jit(two_parts).lower(x).compile()
    compiled(x).block_until_ready()
    with jax.profiler.trace(str(tmp_path)):
        for _ in range(3):
            compiled(x).block_until_ready()
    found = read_trace(tmp_path, 3, origins(compiled.as_text()))
    assert [op.milliseconds for op in found] == sorted(
        (op.milliseconds for op in found), reverse=True
    )
    assert found[0].origin.startswith("heavy/")
    assert found[0].calls >= 1
    assert any(op.origin.startswith("light/") for op in found)


def test_the_backward_pass_is_said():
    program = '%dot.1 = f32[2]{0} dot(%a), metadata={op_name="jit(f)/transpose(jvp(N))/head/dot"}'
    assert origins(program) == {"dot.1": "head/dot (backward)"}
