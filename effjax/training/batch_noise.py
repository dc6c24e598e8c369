"""The log columns of `config.log.noise_scale`: noise of the training's own gradients, for free."""

import math

from effjax.contract.part_noise import NOISE, SIGNAL
from effjax.errors import UserError
from effjax.training.setup import Setup

SCALE = "optim/batch_noise_scale"


class BatchNoise:
    """Averages noise and signal over the updates of a row, then divides them.

    The ratio of a single update is biased, and may be negative. Where the column is off nothing is
    measured, and nothing is written.
    """

    def __init__(self):
        self._noise: list[float] = []
        self._signal: list[float] = []

    def see(self, values: dict[str, float]) -> None:
        """Takes its figures of one update out of the metrics."""
        noise = values.pop(NOISE, math.nan)
        signal = values.pop(SIGNAL, math.nan)
        # of an update that was left out, or of a batch with one valid part
        if math.isfinite(noise) and math.isfinite(signal):
            self._noise.append(noise)
            self._signal.append(signal)

    def read(self) -> dict[str, float]:
        """Means since the last reading; the scale, in examples, where there is a signal."""
        if not self._noise:
            return {}
        noise = sum(self._noise) / len(self._noise)
        signal = sum(self._signal) / len(self._signal)
        self._noise.clear()
        self._signal.clear()
        row = {NOISE: noise, SIGNAL: signal}
        # noise may hide the signal: then there is no ratio to speak of
        if signal > 0:
            row[SCALE] = noise / signal
        return row


def check_parts(setup: Setup) -> None:
    """Refuses the columns where a batch is taken as a whole.

    Raises:
      UserError: saying how to take it in parts.
    """
    config = setup.config
    if not config.log.noise_scale:
        return
    parts = config.accumulate
    if setup.runner.batch_axis is not None:
        parts *= setup.runner.mesh.size
    if parts == 1:
        raise UserError(
            "config.log.noise_scale compares the gradients of a batch's parts with that of the "
            "whole, and here a batch is one part\n"
            "give --config.accumulate=2, or --config.parallel.mode=pmap on several devices"
        )
