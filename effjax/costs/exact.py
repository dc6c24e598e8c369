"""The exact cost of a network that is fully decided."""

from effjax import models
from effjax.costs.memory import peak_bytes
from effjax.models import ImageModel


def count(
    model: ImageModel,
    input_shape: tuple[int, int, int],
    unit: str,
) -> int:
    """Parameters ("params"), multiply-adds ("macs") or activation bytes ("memory") of a network.

    For one image [H, W, C]; nothing is computed. Frozen tensors such as RandFormer's matrices count
    as parameters. What "memory" is stands in `effjax.costs.memory`.
    """
    if unit == "memory":
        return peak_bytes(model, input_shape)
    # traced, not run: a second for a large network
    total = models.cost(model, input_shape)
    return {"params": total.params, "macs": total.macs}[unit]
