"""Optimizers, learning-rate schedules and parameter rules, for any JAX program.

Every optimizer is an `optax.GradientTransformation`; `create` makes any of ours and of optax by
name, `list_optimizers` says what there is.
"""

import importlib
import pkgutil

from effjax.optim.adamuon import AdaMuonState, adamuon, scale_by_adamuon
from effjax.optim.adamw_8bit import Adam8BitState, adamw_8bit, scale_by_adam_8bit
from effjax.optim.adan import AdanState, adan, restart, scale_by_adan
from effjax.optim.apollo import ApolloState, apollo, scale_by_apollo
from effjax.optim.cautious import cautious
from effjax.optim.cautious_decay import cautious_decay
from effjax.optim.clipping import clip_by_norm
from effjax.optim.corrected_decay import corrected_decay
from effjax.optim.decay import add_coupled_decay, add_decoupled_decay, step_with_decay
from effjax.optim.directions import MomentumState, scale_by_moments, scale_by_momentum
from effjax.optim.eigenbases import SoapState
from effjax.optim.evaluated import eval_params, evaluates
from effjax.optim.extended import Plan, decay_start, extended_schedule
from effjax.optim.factory import create, create_injected
from effjax.optim.finite_sum.estimators import Estimator, Progress, Spider, Svrg, finite_sum
from effjax.optim.finite_sum.hsdmpg import hsdmpg
from effjax.optim.finite_sum.manifolds import Euclidean, Grassmann, Manifold, Spd, Sphere, Stiefel
from effjax.optim.finite_sum.rspider import normalised_steps, r_spider
from effjax.optim.hyperball import hyperball
from effjax.optim.injected import set_learning_rate
from effjax.optim.kl_soap import KlSoapState, kl_soap, scale_by_kl_soap
from effjax.optim.kron import KronState, kron, scale_by_kron
from effjax.optim.lamb import lamb, scale_by_lamb
from effjax.optim.laprop import laprop
from effjax.optim.lookahead import LookaheadState, lookahead
from effjax.optim.lookup import (
    check_arguments,
    extra_arguments,
    list_optimizers,
    optimizer_info,
    parameter_split,
    ties_leaves,
)
from effjax.optim.mars import MarsState, mars, scale_by_mars
from effjax.optim.masters import MastersState, with_masters
from effjax.optim.mechanic import mechanic
from effjax.optim.muon import MuonState, muon, scale_by_muon
from effjax.optim.nadamw_algoperf import nadamw_algoperf, scale_by_nadam
from effjax.optim.normuon import NorMuonState, normuon, scale_by_normuon
from effjax.optim.registry import OptimizerInfo, register_optimizer
from effjax.optim.rules import (
    depth_scales,
    layer_depths,
    layer_scales,
    match_rules,
    parameter_paths,
    unused_rules,
)
from effjax.optim.schedule_free_radam import schedule_free_radam
from effjax.optim.schedule_registry import (
    Schedule,
    ScheduleInfo,
    Span,
    create_schedule,
    list_schedules,
    register_schedule,
)
from effjax.optim.scion import ScionState, scale_by_scion, scion
from effjax.optim.shampoo import ShampooState, scale_by_shampoo, shampoo
from effjax.optim.slrla import add_local_penalty, slrla
from effjax.optim.soap import scale_by_soap, soap
from effjax.optim.soap_muon import scale_by_soap_muon, soap_muon
from effjax.optim.state import in_float32, steady
from effjax.optim.variants import dpsgd, noisy_sgd, schedule_free_adamw, schedule_free_sgd
from effjax.optim.win import WinState, accelerated_step
from effjax.optim.win_members import (
    adam_win,
    adamw_win,
    adan_win,
    kl_soap_win,
    lamb_win,
    lion_win,
    muon_win,
    sgd_win,
    soap_muon_win,
    soap_win,
)

__all__ = [
    "AdaMuonState",
    "Adam8BitState",
    "AdanState",
    "ApolloState",
    "Estimator",
    "Euclidean",
    "Grassmann",
    "KlSoapState",
    "KronState",
    "LookaheadState",
    "Manifold",
    "MarsState",
    "MastersState",
    "MomentumState",
    "MuonState",
    "NorMuonState",
    "OptimizerInfo",
    "Plan",
    "Progress",
    "Schedule",
    "ScheduleInfo",
    "ScionState",
    "ShampooState",
    "SoapState",
    "Span",
    "Spd",
    "Sphere",
    "Spider",
    "Stiefel",
    "Svrg",
    "WinState",
    "accelerated_step",
    "adam_win",
    "adamuon",
    "adamw_8bit",
    "adamw_win",
    "adan",
    "adan_win",
    "add_coupled_decay",
    "add_decoupled_decay",
    "add_local_penalty",
    "apollo",
    "cautious",
    "cautious_decay",
    "check_arguments",
    "clip_by_norm",
    "corrected_decay",
    "create",
    "create_injected",
    "create_schedule",
    "decay_start",
    "depth_scales",
    "dpsgd",
    "eval_params",
    "evaluates",
    "extended_schedule",
    "extra_arguments",
    "finite_sum",
    "hsdmpg",
    "hyperball",
    "in_float32",
    "kl_soap",
    "kl_soap_win",
    "kron",
    "lamb",
    "lamb_win",
    "laprop",
    "layer_depths",
    "layer_scales",
    "lion_win",
    "list_optimizers",
    "list_schedules",
    "lookahead",
    "mars",
    "match_rules",
    "mechanic",
    "muon",
    "muon_win",
    "nadamw_algoperf",
    "noisy_sgd",
    "normalised_steps",
    "normuon",
    "optimizer_info",
    "parameter_paths",
    "parameter_split",
    "r_spider",
    "register_optimizer",
    "register_schedule",
    "restart",
    "scale_by_adam_8bit",
    "scale_by_adamuon",
    "scale_by_adan",
    "scale_by_apollo",
    "scale_by_kl_soap",
    "scale_by_kron",
    "scale_by_lamb",
    "scale_by_mars",
    "scale_by_moments",
    "scale_by_momentum",
    "scale_by_muon",
    "scale_by_nadam",
    "scale_by_normuon",
    "scale_by_scion",
    "scale_by_shampoo",
    "scale_by_soap",
    "scale_by_soap_muon",
    "schedule_free_adamw",
    "schedule_free_radam",
    "schedule_free_sgd",
    "scion",
    "set_learning_rate",
    "sgd_win",
    "shampoo",
    "slrla",
    "soap",
    "soap_muon",
    "soap_muon_win",
    "soap_win",
    "steady",
    "step_with_decay",
    "ties_leaves",
    "unused_rules",
    "with_masters",
]

# A file of this folder enters the optimizers that it holds: it need not be named above.
for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
