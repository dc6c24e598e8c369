import jax
import jax.numpy as jnp
import numpy as np

from effjax.ops import keep_products_only, kept
from effjax.ops.kept import save_only_kept


def saved_for_the_backward_pass(capsys):
    @lambda block: jax.checkpoint(block, policy=save_only_kept)
    def block(x, w):
        return jnp.sin(kept(jnp.cos(x) @ w)).sum()

    x, w = np.ones((3, 4), np.float32), np.ones((4, 5), np.float32)
    jax.ad_checkpoint.print_saved_residuals(block, x, w)
    lines = capsys.readouterr().out.splitlines()
    return [line.split()[0] for line in lines if "argument" not in line]


def test_inside_the_context_what_is_marked_is_kept(capsys):
    with keep_products_only():
        assert saved_for_the_backward_pass(capsys) == ["f32[3,5]"]


def test_outside_of_it_nothing_is_marked(capsys):
    assert saved_for_the_backward_pass(capsys) == []
