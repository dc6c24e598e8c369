"""The optimizers of optax: a line and the paper of each, and what is special about some.

Not here: what has a form of its own in this package (adan, lamb, lookahead, muon; and
`variants.py`), and what optax has deprecated (optimistic_adam).
"""

from types import ModuleType
from typing import Annotated, Any, Literal

import optax

from effjax.optim.hints import (
    Amount,
    AnyNumber,
    Epsilon,
    EpsilonOrZero,
    KeepFactor,
    Norm,
    Period,
    PositiveAmount,
    Rate,
    Share,
    ShareAboveZero,
    Storage,
    Transform,
    Whole,
)
from effjax.optim.registry import Coupling, Decay, add, describe
from effjax.ranges import Range

DECAY: dict[str, Decay] = {
    "adafactor": "added",  # its own is not scaled by the learning rate
    "novograd": "added",
    "momo": "added",
    "momo_adam": "added",
    "madgrad": "coupled",  # dual averaging: nothing may move p after it
    "prodigy": "unmasked",
    "dadapt_adamw": "unmasked",
}

# Their functions take a number for the learning rate, no schedule.
UNSCHEDULED = ("polyak_sgd", "rprop", "sm3")

# With a rate of 0, as at the first update of a warm-up, their estimate would be 0 / 0, for ever.
LEAST_RATE = {"prodigy": 1e-12, "dadapt_adamw": 1e-12}

NEEDS = {
    "polyak_sgd": ("value",),
    "momo": ("value",),
    "momo_adam": ("value",),
    "lbfgs": ("value", "grad", "value_fn"),
    "sophia": ("obj_fn",),
}

COUPLING: dict[str, Coupling] = {
    "dog": "direction",  # distance from the start, over the norms of all gradients
    "dowg": "direction",
    "prodigy": "step_size",  # its authors' code, too, allows only factors of 0 and 1
    "dadapt_adamw": "step_size",
    "momo": "step_size",
    "momo_adam": "step_size",
    "polyak_sgd": "step_size",
    "lbfgs": "step_size",  # a line search
}

# ---------------------------------------------------------------- what hyperparameters may be

Betas = tuple[KeepFactor, KeepFactor]
# a value, or a schedule of it
ScheduledAmount = Amount | optax.Schedule
ScheduledKeepFactor = KeepFactor | optax.Schedule

# The same in every method that has one of that name.
COMMON: dict[str, Any] = {
    "learning_rate": Rate | None,
    "max_learning_rate": Rate,
    "weight_decay": Amount | None,
    "b1": KeepFactor,
    "b2": KeepFactor,
    "beta": KeepFactor,
    "betas": Betas,
    "decay": KeepFactor,
    "momentum": KeepFactor | None,
    "rho": KeepFactor,
    "eps": Epsilon,
    "eps_root": EpsilonOrZero,
    "nesterov": bool,
    "mu_dtype": Storage | None,
    "accumulator_dtype": Storage | None,
    "alpha": Amount,
    "estim_lr0": Annotated[float, Range(1e-18, 1e3)],  # its square is a divisor in float32
    "lower_bound": AnyNumber,
    "adapt_lower_bound": bool,
}
OWN: dict[str, dict[str, Any]] = {
    "adafactor": {
        "min_dim_size_to_factor": Period,
        "decay_rate": ShareAboveZero,
        # above 0 the first updates would be NaN
        "decay_offset": Annotated[int, Range(-(2**30), 0)],
        "multiply_by_parameter_scale": bool,
        "clipping_threshold": Annotated[float, Range(1e-37, 1e6)] | None,
        "dtype_momentum": Storage,
        "weight_decay_rate": Share | None,
        "factored": bool,
    },
    "adagrad": {"initial_accumulator_value": Amount},
    "ademamix": {"b3": ScheduledKeepFactor, "alpha": ScheduledAmount},
    "adopt": {"use_clipping": bool, "clip_value_fn": optax.Schedule},
    "amsgrad": {"bias_correction_mu": bool, "bias_correction_nu": bool},
    "cocob": {"alpha": PositiveAmount},
    "dog": {
        "init_step": tuple[Literal["distance", "learning_rate", "heuristic"], PositiveAmount],
    },
    "dowg": {"init_estim_sq_dist": PositiveAmount | None},
    "fromage": {"min_norm": Epsilon},
    "galore": {
        "rank": Period,
        "update_proj_gap": Period,
        "scale": Amount,
        "base_optimizer": Transform | None,
        "weight_dimension_numbers": Any,
    },
    "lars": {
        "trust_coefficient": Amount,
        "eps": EpsilonOrZero,  # norms of zero get a ratio of 1
        "trust_ratio_mask": Any,
    },
    "lbfgs": {
        "memory_size": Annotated[int, Range(1, 1000)],
        "scale_init_precond": bool,
        "linesearch": Transform | None,
    },
    "optimistic_adam_v2": {"beta": Amount},
    "optimistic_gradient_descent": {"beta": Amount},
    "polyak_sgd": {
        "scaling": PositiveAmount,
        "f_min": AnyNumber,
        "eps": EpsilonOrZero,  # a gradient of zero is no step
        "variant": Literal["sps", "sps+"],
    },
    "prodigy": {
        "beta3": KeepFactor | None,
        "estim_lr_coef": PositiveAmount,
        "safeguard_warmup": bool,
    },
    # at 4 and below the rectification is the root of a negative number
    "radam": {"threshold": Annotated[float, Range(4, 1e6, "(]")]},
    "rmsprop": {
        "initial_scale": Amount,
        "eps_in_sqrt": bool,
        "centered": bool,
        "bias_correction": bool,
    },
    "rprop": {
        "eta_minus": Annotated[float, Range(0, 1, "()")],
        "eta_plus": Annotated[float, Range(1, 1e3)],
        "min_step_size": PositiveAmount,
        "max_step_size": PositiveAmount,
    },
    "sophia": {
        "gamma": PositiveAmount,
        "clip_threshold": Norm | None,
        "update_interval": Period,
        "hessian_diagonal_fn": Transform,
        "verbose": bool,
        "print_win_rate_every_n_steps": Whole,
    },
}

# ---------------------------------------------------------------- (name, line, paper)

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
    ("novograd", "layer-wise second moments", "arXiv:1905.11286, Ginsburg et al. 2019"),
    (
        "optimistic_adam_v2",
        "Adam with optimism, for games",
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
    ("galore", "Adam in a low-rank projection of gradients", "arXiv:2403.03507, Zhao et al. 2024"),
    ("madgrad", "momentumised dual averaging", "arXiv:2101.11075, Defazio and Jelassi 2021"),
    ("momo", "momentum with model-based steps", "arXiv:2305.07583, Schaipp et al. 2023"),
    ("momo_adam", "Adam with model-based steps", "arXiv:2305.07583, Schaipp et al. 2023"),
    (
        "prodigy",
        "AdamW that finds its learning rate, faster",
        "arXiv:2306.06101, Mishchenko and Defazio 2023",
    ),
    ("simplified_ademamix", "AdEMAMix with one momentum", "arXiv:2502.02431, Morwani et al. 2025"),
    ("sophia", "diagonal Hessian estimates with clipping", "arXiv:2305.14342, Liu et al. 2023"),
)


def _register(module: ModuleType, table: tuple[tuple[str, str, str], ...]) -> None:
    for name, line, paper in table:
        info = describe(
            getattr(module, name),
            paper,
            name=name,
            line=line,
            source=module.__name__,
            decay=DECAY.get(name),
            needs=NEEDS.get(name, ()),
            hints=COMMON | OWN.get(name, {}),
            coupling=COUPLING.get(name, "nothing"),
        )
        add(info)


_register(optax, OPTAX)
_register(optax.contrib, CONTRIB)
