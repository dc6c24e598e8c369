"""Diffusion and flow as pure functions: schedules, targets, samplers, guidance."""

from effjax.diffusion.ddpm import Ddpm
from effjax.diffusion.draw import Plan, draw, plan_for
from effjax.diffusion.edm import Edm
from effjax.diffusion.flow import Flow
from effjax.diffusion.guidance import Guidance
from effjax.diffusion.meanflow import MeanFlow
from effjax.diffusion.process import Process

__all__ = ["Ddpm", "Edm", "Flow", "Guidance", "MeanFlow", "Plan", "Process", "draw", "plan_for"]
