"""The optimizers of optax: a line and the paper of each, and what is special about some.

Not here: what has a form of its own in this package (adan, lamb, lookahead; and `variants.py`), and
what optax has deprecated (optimistic_adam).
"""

from typing import Literal

# own: the method's function takes decay and mask. added: decoupled decay, -lr * wd * p, is added
# to its update. coupled: wd * p is added to its gradient. unmasked: its own decay, whose size only
# it knows, without a mask. inner: that of the optimizer which it wraps.
Decay = Literal["own", "added", "coupled", "unmasked", "inner"]

DECAY = {
    "adafactor": "added",  # its own is not scaled by the learning rate
    "muon": "added",  # its own has no mask for the leaves that Adam serves
    "novograd": "added",
    "momo": "added",
    "momo_adam": "added",
    "madgrad": "coupled",  # dual averaging: nothing may move p after it
    "prodigy": "unmasked",
    "dadapt_adamw": "unmasked",
    "lookahead": "inner",
    "slrla": "inner",
    "cautious": "added",  # the decay is not to be masked
}

# Their functions take a number for the learning rate, no schedule.
UNSCHEDULED = ("polyak_sgd", "rprop", "sm3")

NEEDS = {
    "polyak_sgd": ("value",),
    "momo": ("value",),
    "momo_adam": ("value",),
    "lbfgs": ("value", "grad", "value_fn"),
    "sophia": ("obj_fn",),
    "dpsgd": ("gradients with a leading axis of examples",),
}

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
    ("muon", "orthogonalised momentum for matrices, Adam for the rest", "Jordan et al. 2024"),
    (
        "prodigy",
        "AdamW that finds its learning rate, faster",
        "arXiv:2306.06101, Mishchenko and Defazio 2023",
    ),
    ("simplified_ademamix", "AdEMAMix with one momentum", "arXiv:2502.02431, Morwani et al. 2025"),
    ("sophia", "diagonal Hessian estimates with clipping", "arXiv:2305.14342, Liu et al. 2023"),
)
