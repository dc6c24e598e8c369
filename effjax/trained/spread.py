"""Batches over all devices of a process, each with a copy of the weights."""

from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec


class Spread:
    """All devices of this process, each with a copy of the weights and its part of a batch.

    Args:
      batch: images at a time, as asked for.

    Attributes:
      batch: the same, rounded up to a multiple of the devices.
    """

    def __init__(self, batch: int):
        devices = jax.local_devices()
        # a device without an image of its own would only add communication
        used = max(1, min(len(devices), batch))
        self.batch = -(-batch // used) * used  # rounded up
        grid = np.asarray(devices[:used])
        mesh = Mesh(grid, ("examples",), axis_types=(AxisType.Auto,))
        self._copies = NamedSharding(mesh, PartitionSpec())
        self._parts = NamedSharding(mesh, PartitionSpec("examples"))

    def copy(self, variables: Any) -> Any:
        """The weights onto every device."""
        return jax.device_put(variables, self._copies)

    def send(self, **arrays: np.ndarray) -> dict[str, jax.Array]:
        """Arrays [batch, ...], a part to each device."""
        return jax.device_put(arrays, self._parts)
