"""How arrays lie in memory, where XLA's own choice costs passes over them.

Shapes: B batch, N tokens, C channels.
"""

from jax import Array
from jax.experimental.layout import Layout, with_layout_constraint

from effjax.ops.platform import on_tpu


def tokens_in_rows(x: Array) -> Array:
    """`x` [B, N, C], on a TPU laid out as its axes say: a token is a row, image by image.

    The convolution that makes patches leaves the batch innermost of the rows, [N, B, C], and the
    blocks after it take that over. Products then write [B, N, 4 C] all the same, and neither a norm
    nor an activation fuses with a product that has another order.
    """
    if not on_tpu():
        return x
    return with_layout_constraint(x, Layout(major_to_minor=tuple(range(x.ndim))))
