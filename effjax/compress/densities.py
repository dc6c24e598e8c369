"""How many weights each layer keeps."""

import math
from collections.abc import Collection, Mapping, Sequence

from effjax.errors import UserError

Shape = Sequence[int]


def check_density(density: float) -> None:
    """Refuses a share of weights that is none; raises UserError."""
    if not 0.0 < density <= 1.0:
        raise UserError(
            f"density = {density}: expected the share of weights that is kept, 0 < density <= 1\n"
            "such as density=0.1, which prunes 90 %"
        )


def uniform(shapes: Mapping[str, Shape], density: float) -> dict[str, float]:
    """The same density in every layer."""
    check_density(density)
    return dict.fromkeys(shapes, density)


def erk(
    shapes: Mapping[str, Shape], density: float, dense: Collection[str] = ()
) -> dict[str, float]:
    """Erdos-Renyi-Kernel densities: in proportion to (sum of the shape) / (its product).

    Evci et al. 2020, https://arxiv.org/abs/1911.11134. All axes of a kernel count. A layer that
    would exceed 1 becomes dense, and the others are solved again.

    Args:
      shapes: {layer: shape of its weights}.
      density: of all layers together.
      dense: layers that stay dense from the start.

    Returns:
      {layer: density}, which gives `density` in all.

    Raises:
      UserError: no density, or the dense layers alone hold more weights than may be kept.
    """
    check_density(density)
    sizes = {name: math.prod(shape) for name, shape in shapes.items()}
    raw = {name: sum(shape) / sizes[name] for name, shape in shapes.items()}
    dense = set(dense)
    wanted = density * sum(sizes.values())
    while True:
        free = [name for name in shapes if name not in dense]
        if not free:
            return dict.fromkeys(shapes, 1.0)
        budget = wanted - sum(sizes[name] for name in dense)
        if budget <= 0:
            raise UserError(
                f"density = {density}: the layers that stay dense ({', '.join(sorted(dense))}) "
                "hold more weights than that\ngive a larger density"
            )
        # the factor with which the free layers together keep what the dense ones leave
        factor = budget / sum(raw[name] * sizes[name] for name in free)
        largest = max(raw[name] for name in free)
        if factor * largest <= 1.0:
            found = {name: factor * raw[name] for name in free}
            return {name: found.get(name, 1.0) for name in shapes}
        dense |= {name for name in free if raw[name] == largest}
