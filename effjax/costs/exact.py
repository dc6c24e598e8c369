"""The exact cost of a network that is fully decided."""

from effjax import models
from effjax.models import ImageModel


def count(
    model: ImageModel,
    input_shape: tuple[int, int, int],
    unit: str,
) -> int:
    """Parameters ("params") or multiply-adds ("macs") of a network for one image [H, W, C].

    Nothing is computed. Frozen tensors such as RandFormer's matrices count as parameters.
    """
    # traced, not run: a second for a large network
    total = models.cost(model, input_shape)
    return {"params": total.params, "macs": total.macs}[unit]
