"""Every optimizer that the factory makes, with what there is to say about each.

Ours come with their functions; optax's are named here, with the paper and whatever is special about
their arguments. Hyperparameters are read from the signatures.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax

from effjax.optim.adan import adan
from effjax.optim.lamb import lamb
from effjax.optim.lookahead import lookahead
from effjax.optim.schedule_free import schedule_free_adamw, schedule_free_sgd
from effjax.optim.slrla import slrla
from effjax.optim.win import adam_win, adamw_win, adan_win, lamb_win, lion_win, sgd_win

# Arguments that `create` has for every method, whatever each calls them.
SHARED = ("learning_rate", "max_learning_rate", "weight_decay", "mask", "weight_decay_mask")

# own: the method's function takes decay and mask. added: decoupled decay, -lr * wd * p, is added
# to its update. coupled: wd * p is added to its gradient. unmasked: its own decay, all or nothing.
Decay = Literal["own", "added", "coupled", "unmasked"]


@dataclass(frozen=True)
class OptimizerInfo:
    """One optimizer.

    Attributes:
        name: what `create` calls it.
        line: what it is, in one line.
        paper: where it comes from.
        make: the function behind it.
        source: 'effjax', 'optax' or 'optax.contrib'.
        decay: how `create` gives it weight decay, see the head of this file.
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


WIN = "Zhou et al., ICLR 2023"
OURS = (
    (adan, "arXiv:2208.06677, Xie et al. 2022"),
    *((make, WIN) for make in (sgd_win, adam_win, adamw_win, lamb_win, adan_win, lion_win)),
    (lamb, "arXiv:1904.00962, You et al. 2019"),
    (schedule_free_adamw, "arXiv:2405.15682, Defazio et al. 2024"),
    (schedule_free_sgd, "arXiv:2405.15682, Defazio et al. 2024"),
)

WRAPPERS = (
    (lookahead, "arXiv:1907.08610, Zhang et al. 2019"),
    (slrla, "Zhou et al., NeurIPS 2021"),
)
INNER = (("inner", "sgd"),)

OPTAX = (
    (
        "adabelief",
        "Adam with the variance around the momentum",
        "arXiv:2010.07468, Zhuang et al. 2020",
    ),
    (
        "adadelta",
        "steps from the ratio of past updates and gradients",
        "arXiv:1212.5701, Zeiler 2012",
    ),
    ("adafactor", "factored second moments", "arXiv:1804.04235, Shazeer and Stern 2018"),
    ("adagrad", "steps from the sum of squared gradients", "JMLR 12, Duchi et al. 2011"),
    ("adam", "momentum over root mean square", "arXiv:1412.6980, Kingma and Ba 2014"),
    ("adamax", "Adam with the infinity norm", "arXiv:1412.6980, Kingma and Ba 2014"),
    ("adamaxw", "Adamax with decoupled decay", "arXiv:1711.05101, Loshchilov and Hutter 2019"),
    ("adamw", "Adam with decoupled decay", "arXiv:1711.05101, Loshchilov and Hutter 2019"),
    ("amsgrad", "Adam with a second moment that never falls", "Reddi et al., ICLR 2018"),
    (
        "fromage",
        "steps relative to the norm of each layer",
        "arXiv:2002.03432, Bernstein et al. 2020",
    ),
    ("lars", "layer-wise trust ratios on SGD", "arXiv:1708.03888, You et al. 2017"),
    ("lbfgs", "limited-memory quasi-Newton with line search", "Liu and Nocedal 1989"),
    ("lion", "sign of an interpolated momentum", "arXiv:2302.06675, Chen et al. 2023"),
    ("nadam", "Adam with Nesterov momentum", "Dozat 2016"),
    ("nadamw", "NAdam with decoupled decay", "Dozat 2016; arXiv:1711.05101"),
    ("noisy_sgd", "SGD with annealed Gaussian noise", "arXiv:1511.06807, Neelakantan et al. 2015"),
    ("novograd", "layer-wise second moments", "arXiv:1905.11286, Ginsburg et al. 2019"),
    (
        "optimistic_adam",
        "Adam with optimism, for games",
        "arXiv:1711.00141, Daskalakis et al. 2017",
    ),
    (
        "optimistic_adam_v2",
        "Adam with optimism of two strengths, for games",
        "arXiv:1711.00141, Daskalakis et al. 2017",
    ),
    (
        "optimistic_gradient_descent",
        "gradient descent with optimism, for games",
        "arXiv:1901.08511, Mokhtari et al. 2019",
    ),
    ("polyak_sgd", "SGD with Polyak's step from the loss", "arXiv:2002.10542, Loizou et al. 2020"),
    ("radam", "Adam with a rectified early variance", "arXiv:1908.03265, Liu et al. 2019"),
    ("rmsprop", "gradient over root mean square", "Tieleman and Hinton 2012"),
    ("rprop", "step sizes from the signs of gradients", "Riedmiller and Braun 1993"),
    ("sgd", "gradient descent, with (Nesterov) momentum", "Sutskever et al., ICML 2013"),
    ("sign_sgd", "sign of the gradient", "arXiv:1802.04434, Bernstein et al. 2018"),
    ("signum", "sign of the momentum", "arXiv:1802.04434, Bernstein et al. 2018"),
    (
        "sm3",
        "second moments by rows and columns; no scalars",
        "arXiv:1901.11150, Anil et al. 2019",
    ),
    ("yogi", "Adam with additive second moments", "Zaheer et al., NeurIPS 2018"),
)

CONTRIB = (
    ("acprop", "asynchronous centred second moments", "arXiv:2110.05454, Zhuang et al. 2021"),
    ("ademamix", "Adam with a second, slow momentum", "arXiv:2409.03137, Pagliardini et al. 2024"),
    ("adopt", "Adam that converges with any b2", "arXiv:2411.02853, Taniguchi et al. 2024"),
    ("cocob", "coin betting, no learning rate", "arXiv:1705.07795, Orabona and Tommasi 2017"),
    (
        "dadapt_adamw",
        "AdamW that finds its learning rate",
        "arXiv:2301.07733, Defazio and Mishchenko 2023",
    ),
    ("dog", "steps from distance over gradients", "arXiv:2302.12022, Ivgi et al. 2023"),
    ("dowg", "steps from distance over weighted gradients", "arXiv:2305.16284, Khaled et al. 2023"),
    ("dpsgd", "differentially private SGD", "arXiv:1607.00133, Abadi et al. 2016"),
    ("galore", "Adam in a low-rank projection of gradients", "arXiv:2403.03507, Zhao et al. 2024"),
    ("madgrad", "momentumised dual averaging", "arXiv:2101.11075, Defazio and Jelassi 2021"),
    ("momo", "momentum with model-based steps", "arXiv:2305.07583, Schaipp et al. 2023"),
    ("momo_adam", "Adam with model-based steps", "arXiv:2305.07583, Schaipp et al. 2023"),
    ("muon", "orthogonalised momentum for matrices, Adam for the rest", "Jordan et al. 2024"),
    (
        "prodigy",
        "AdamW that finds its learning rate, faster",
        "arXiv:2306.06101, Mishchenko and Defazio 2023",
    ),
    ("simplified_ademamix", "AdEMAMix with one momentum", "arXiv:2502.02431, Morwani et al. 2025"),
    ("sophia", "diagonal Hessian estimates with clipping", "arXiv:2305.14342, Liu et al. 2023"),
)

DECAY = {
    "adafactor": "added",  # its own is not scaled by the learning rate
    "muon": "added",  # its own has no mask for the leaves that Adam serves
    "novograd": "added",
    "momo": "added",
    "momo_adam": "added",
    "madgrad": "coupled",  # dual averaging: nothing may move p after it
    "prodigy": "unmasked",
    "dadapt_adamw": "unmasked",
}

NEEDS = {
    "polyak_sgd": ("value",),
    "momo": ("value",),
    "momo_adam": ("value",),
    "lbfgs": ("value", "grad", "value_fn"),
    "sophia": ("obj_fn",),
    "dpsgd": ("gradients with a leading axis of examples",),
}

FIXED = {"noisy_sgd": (("seed", 0),)}


@functools.cache
def registry() -> dict[str, OptimizerInfo]:
    """Name -> `OptimizerInfo`, ours first."""
    ours = [
        OptimizerInfo(make.__name__, _first_line(make), paper, make, "effjax", "own")
        for make, paper in OURS
    ]
    theirs = [
        _optax_info(name, line, paper, module, source)
        for module, source, entries in (
            (optax, "optax", OPTAX),
            (optax.contrib, "optax.contrib", CONTRIB),
        )
        for name, line, paper in entries
    ]
    wrappers = [
        OptimizerInfo(
            make.__name__, _first_line(make), paper, make, "effjax", "own", (), INNER, wraps=True
        )
        for make, paper in WRAPPERS
    ]
    return {info.name: info for info in (*ours, *wrappers, *theirs)}


def _optax_info(name: str, line: str, paper: str, module: Any, source: str) -> OptimizerInfo:
    make = getattr(module, name)
    arguments = inspect.signature(make).parameters
    masked = "weight_decay" in arguments and {"mask", "weight_decay_mask"} & set(arguments)
    decay = DECAY.get(name, "own" if masked else "added")
    return OptimizerInfo(
        name, line, paper, make, source, decay, NEEDS.get(name, ()), FIXED.get(name, ())
    )


def _first_line(make: Callable) -> str:
    line = inspect.getdoc(make).splitlines()[0].rstrip(".")
    return line[0].lower() + line[1:] if line[1].islower() else line
