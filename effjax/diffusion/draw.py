"""Samples of any process: which sampler goes with which, and one call for all.

Shapes: B batch, ... the axes of an example.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jax import Array

from effjax.diffusion import edm_samplers, samplers
from effjax.diffusion.ddpm import Ddpm
from effjax.diffusion.edm import Edm
from effjax.diffusion.edm_samplers import Churn
from effjax.diffusion.flow import Flow
from effjax.diffusion.meanflow import MeanFlow
from effjax.diffusion.process import Network, NoiseAt
from effjax.errors import UserError

# the first is the default
SAMPLERS: dict[type, Sequence[str]] = {
    Ddpm: ("ddim", "ancestral"),
    Flow: ("euler", "heun"),
    Edm: ("heun", "euler"),
    MeanFlow: ("mean_flow",),
}
NO_CHURN = Churn()
STEPS = {"ddim": 50, "ancestral": 250, "euler": 50, "heun": 18, "mean_flow": 1}


@dataclasses.dataclass(frozen=True)
class Plan:
    """How samples are drawn.

    Attributes:
      sampler: see `SAMPLERS`.
      steps: of it.
      eta: fresh noise of "ddim", 0 to 1.
      churn: fresh noise of EDM's samplers.
      clip: clean examples of a chain into [-1, 1]; for pixels.
    """

    sampler: str
    steps: int
    eta: float = 0.0
    churn: Churn = NO_CHURN
    clip: bool = False


def plan_for(process: Any, sampler: str | None, steps: int | None, **further: Any) -> Plan:
    """A plan with the process's defaults for what is None.

    Raises:
      UserError: a sampler of another process, or more steps than a chain has.
    """
    known = SAMPLERS[type(process)]
    sampler = sampler or known[0]
    if sampler not in known:
        raise UserError(
            f"--sampler={sampler}: this process is drawn by {' or '.join(known)}; give one of them"
        )
    steps = steps or STEPS[sampler]
    if isinstance(process, Ddpm):
        # a short chain has no more steps than it has
        steps = min(steps, len(process.schedule)) if steps in STEPS.values() else steps
        if steps > len(process.schedule):
            raise UserError(f"--steps={steps}: the chain has {len(process.schedule)} steps")
    return Plan(sampler, steps, **further)


def draw(process: Any, network: Network, noise: Array, noise_at: NoiseAt, plan: Plan) -> Array:
    """Samples [B, ...] out of unit normal `noise`."""
    if isinstance(process, Ddpm):
        short = samplers.with_steps(process, str(plan.steps))
        if plan.sampler == "ddim":
            return samplers.ddim(short, network, noise, noise_at, plan.eta, plan.clip)
        return samplers.ancestral(short, network, noise, noise_at, plan.clip)
    if isinstance(process, Flow):
        return samplers.flow_ode(process, network, noise, plan.steps, plan.sampler)
    if isinstance(process, MeanFlow):
        return samplers.mean_flow(process, network, noise, plan.steps)

    def denoise(x: Array, sigma: Array) -> Array:
        return process.denoise(network, x, sigma)

    sigmas = edm_levels(process, plan.steps)
    return edm_samplers.edm_sample(denoise, noise, sigmas, noise_at, plan.sampler, plan.churn)


def edm_levels(process: Edm, steps: int) -> np.ndarray:
    """EDM's noise levels inside of what the process has learned."""
    low, high = process.sigma_range
    return edm_samplers.levels(steps, max(low, 0.002), min(high, 80.0))
