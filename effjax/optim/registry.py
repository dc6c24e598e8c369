"""Every optimizer that the factory makes, with what there is to say about each.

Hyperparameters and the lines of ours are read from the functions; `catalogue.py` says what there is
to say about optax's.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax

from effjax.optim.adan import adan
from effjax.optim.catalogue import CONTRIB, DECAY, NEEDS, OPTAX, Decay
from effjax.optim.cautious import cautious
from effjax.optim.lamb import lamb
from effjax.optim.lookahead import lookahead
from effjax.optim.mars import mars
from effjax.optim.slrla import slrla
from effjax.optim.soap import soap
from effjax.optim.variants import dpsgd, noisy_sgd, schedule_free_adamw, schedule_free_sgd
from effjax.optim.win_members import adam_win, adamw_win, adan_win, lamb_win, lion_win, sgd_win

# Arguments that `create` has for every method, whatever each calls them.
SHARED = ("learning_rate", "max_learning_rate", "weight_decay", "mask", "weight_decay_mask")


@dataclass(frozen=True)
class OptimizerInfo:
    """One optimizer.

    Attributes:
        name: what `create` calls it.
        line: what it is, in one line.
        paper: where it comes from.
        make: the function behind it.
        source: 'effjax', 'optax' or 'optax.contrib'.
        decay: how `create` gives it weight decay, see `catalogue.Decay`.
        needs: extra arguments that its `update` wants, for instance the loss as `value`.
        fixed: hyperparameters that `create` sets because the function has no default for them.
        wraps: it goes around another optimizer, the hyperparameter `inner`; further ones are that
            optimizer's.
    """

    name: str
    line: str
    paper: str
    make: Callable[..., optax.GradientTransformation]
    source: str
    decay: Decay
    needs: tuple[str, ...] = ()
    fixed: tuple[tuple[str, Any], ...] = ()
    wraps: bool = False

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """Name -> default of what `create` passes on (`inspect.Parameter.empty`: no default)."""
        signature = inspect.signature(self.make).parameters
        own = {name: field.default for name, field in signature.items() if name not in SHARED}
        return own | dict(self.fixed)

    @functools.cached_property
    def state_arrays(self) -> float:
        """Arrays of parameter size in the state, for one square matrix of 512 x 512 float32.

        For a method that wraps another: those of its own.
        """
        params = {"matrix": jax.ShapeDtypeStruct((512, 512), jnp.float32)}
        required = {k: 1 for k, v in self.hyperparameters.items() if v is inspect.Parameter.empty}
        if self.wraps:
            tx = self.make(optax.identity())
        else:
            tx = self.make(**{self.rate_name: 1e-3}, **required, **dict(self.fixed))
        leaves = jax.tree.leaves(jax.eval_shape(tx.init, params))
        return round(sum(leaf.size for leaf in leaves) / 512**2, 1)

    @property
    def rate_name(self) -> str:
        """What the function calls the learning rate."""
        known = inspect.signature(self.make).parameters
        return "learning_rate" if "learning_rate" in known else "max_learning_rate"

    @property
    def mask_name(self) -> str:
        """What the function calls the mask of the decay."""
        known = inspect.signature(self.make).parameters
        return "mask" if "mask" in known else "weight_decay_mask"


ADAN, LAMB = "arXiv:2208.06677, Xie et al. 2022", "arXiv:1904.00962, You et al. 2019"
WIN = "Zhou et al., ICLR 2023"
FREE = "arXiv:2405.15682, Defazio et al. 2024"


@functools.cache
def registry() -> dict[str, OptimizerInfo]:
    """Name -> `OptimizerInfo`, ours first."""
    members = (sgd_win, adam_win, adamw_win, lamb_win, adan_win, lion_win)
    inner = (("inner", "sgd"),)
    entries = [
        _info(adan, ADAN),
        *(_info(make, WIN) for make in members),
        *(
            _info(make, WIN, name=f"{make.__name__}2", fixed=(("mode", "win2"),))
            for make in members
        ),
        _info(lamb, LAMB),
        _info(lookahead, "arXiv:1907.08610, Zhang et al. 2019", fixed=inner, wraps=True),
        _info(slrla, "Zhou et al., NeurIPS 2021", fixed=inner, wraps=True),
        _info(
            cautious, "arXiv:2411.16085, Liang et al. 2024", fixed=(("inner", "adamw"),), wraps=True
        ),
        _info(mars, "arXiv:2411.10438, Yuan et al. 2024"),
        _info(soap, "arXiv:2409.11321, Vyas et al. 2024"),
        _info(schedule_free_adamw, FREE),
        _info(schedule_free_sgd, FREE),
        _info(noisy_sgd, "arXiv:1511.06807, Neelakantan et al. 2015"),
        _info(dpsgd, "arXiv:1607.00133, Abadi et al. 2016"),
    ]
    for module, table in ((optax, OPTAX), (optax.contrib, CONTRIB)):
        for name, line, paper in table:
            make = getattr(module, name)
            entries.append(_info(make, paper, name=name, line=line, source=module.__name__))
    return {info.name: info for info in entries}


def _info(
    make: Callable[..., optax.GradientTransformation],
    paper: str,
    *,
    name: str | None = None,
    line: str | None = None,
    source: str = "effjax",
    fixed: tuple[tuple[str, Any], ...] = (),
    wraps: bool = False,
) -> OptimizerInfo:
    name = name or make.__name__
    arguments = set(inspect.signature(make).parameters)
    maskable = "weight_decay" in arguments and arguments & {"mask", "weight_decay_mask"}
    decay = DECAY.get(name, "own" if maskable else "added")
    line = line or inspect.getdoc(make).splitlines()[0].rstrip(".")
    return OptimizerInfo(name, line, paper, make, source, decay, NEEDS.get(name, ()), fixed, wraps)
