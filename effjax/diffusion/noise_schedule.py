"""Noise schedules of DDPM as tables, and chains that keep only some of the steps.

Tables are NumPy float64: products of a thousand factors near 1 lose digits in float32.
Shapes: T steps of a chain.
"""

import dataclasses
import functools
import math
from typing import Literal

import numpy as np

from effjax.errors import UserError

Table = np.ndarray  # [T] float64
COSINE_OFFSET = 0.008  # keeps the first betas above zero
LARGEST_BETA = 0.999


def linear_betas(steps: int) -> Table:
    """1e-4 to 0.02 over 1000 steps; other numbers of steps add as much noise in all."""
    factor = 1000 / steps
    return np.linspace(factor * 1e-4, factor * 0.02, steps)


def cosine_betas(steps: int) -> Table:
    """The schedule of Improved DDPM, https://arxiv.org/abs/2102.09672, called squaredcos_cap_v2."""

    def signal(share: float) -> float:
        angle = (share + COSINE_OFFSET) / (1 + COSINE_OFFSET) * math.pi / 2
        return math.cos(angle) ** 2

    betas = []
    for i in range(steps):
        kept = signal((i + 1) / steps) / signal(i / steps)
        betas.append(min(1 - kept, LARGEST_BETA))
    return np.asarray(betas)


BETAS = {"linear": linear_betas, "cosine": cosine_betas}


def kept_steps(total: int, how: str) -> list[int]:
    """The steps of a chain of `total` that a shorter chain keeps, ascending.

    Args:
      how: "250": so many, evenly spaced from the first to the last. "10,15,20": the chain in as
        many equal sections, so many of each. "ddim50": a constant integer stride from step 0.

    Raises:
      UserError: no such stride, more steps than there are, or no such notation.
    """
    if how.startswith("ddim"):
        return _with_stride(total, _whole_number(how.removeprefix("ddim"), how))
    counts = [_whole_number(part, how) for part in how.split(",")]
    size, longer = divmod(total, len(counts))
    start = 0
    kept = []
    for number, count in enumerate(counts):
        length = size + (number < longer)
        if not 0 < count <= length:
            raise UserError(
                f"steps={how!r}: {count} of a section of {length} steps; give 1 to {length}"
            )
        # the first and the last step of a section are kept
        stride = (length - 1) / (count - 1) if count > 1 else 1.0
        place = 0.0
        for _ in range(count):
            kept.append(start + round(place))
            # added up as in the published code: where a place is halfway, its rounding decides
            place += stride
        start += length
    return kept


def _with_stride(total: int, wanted: int) -> list[int]:
    for stride in range(1, total):
        steps = range(0, total, stride)
        if len(steps) == wanted:
            return list(steps)
    raise UserError(f"steps='ddim{wanted}': no integer stride takes {wanted} of {total} steps")


def _whole_number(text: str, how: str) -> int:
    if not text.isdecimal():
        raise UserError(f"steps={how!r}: expected such as '250', '10,15,20' or 'ddim50'")
    return int(text)


@dataclasses.dataclass(frozen=True, eq=False)
class Schedule:
    """The tables of one chain.

    Attributes:
      betas: [T], the noise that each step adds.
      times: [T] int, the steps of the chain that the network was trained on: what it is told.
      length: of that chain.
    """

    betas: Table
    times: np.ndarray
    length: int

    @classmethod
    def named(cls, name: Literal["linear", "cosine"], steps: int = 1000) -> "Schedule":
        """The whole chain of a named schedule."""
        return cls(BETAS[name](steps), np.arange(steps), steps)

    def respaced(self, how: str) -> "Schedule":
        """The chain that keeps the steps that `how` names, see `kept_steps`.

        Its betas are such that the kept steps have the noise that they have in the whole chain.
        """
        kept = kept_steps(len(self.betas), how)
        signal = self.alphas_cumprod[kept]
        before = np.append(1.0, signal[:-1])
        return Schedule(1 - signal / before, self.times[kept], self.length)

    def __len__(self) -> int:
        return len(self.betas)

    @functools.cached_property
    def alphas_cumprod(self) -> Table:
        """The squared share of the clean example at each step, abar."""
        return np.cumprod(1 - self.betas)

    @functools.cached_property
    def alphas_cumprod_before(self) -> Table:
        """abar of the step before; 1 before the first."""
        return np.append(1.0, self.alphas_cumprod[:-1])

    @functools.cached_property
    def alphas_cumprod_after(self) -> Table:
        """abar of the step after; 0 after the last."""
        return np.append(self.alphas_cumprod[1:], 0.0)

    @functools.cached_property
    def posterior_variance(self) -> Table:
        """Of x_{t-1} where x_t and the clean example are known."""
        rest = (1 - self.alphas_cumprod_before) / (1 - self.alphas_cumprod)
        return self.betas * rest

    @functools.cached_property
    def posterior_log_variance(self) -> Table:
        """Its logarithm; the first variance is 0 and takes the second one's."""
        variance = self.posterior_variance
        first = variance[1] if len(variance) > 1 else self.betas[0]
        return np.log(np.append(first, variance[1:]))

    @functools.cached_property
    def posterior_clean(self) -> Table:
        """What the clean example contributes to the posterior's mean."""
        return self.betas * np.sqrt(self.alphas_cumprod_before) / (1 - self.alphas_cumprod)

    @functools.cached_property
    def posterior_noisy(self) -> Table:
        """What x_t contributes to the posterior's mean."""
        rest = (1 - self.alphas_cumprod_before) / (1 - self.alphas_cumprod)
        return rest * np.sqrt(1 - self.betas)

    @functools.cached_property
    def log_variance_large(self) -> Table:
        """log beta, but the posterior's at the first step: the upper end of the fixed variances."""
        return np.log(np.append(np.exp(self.posterior_log_variance[:1]), self.betas[1:]))

    @functools.cached_property
    def snr(self) -> Table:
        """Signal to noise, abar / (1 - abar)."""
        return self.alphas_cumprod / (1 - self.alphas_cumprod)
