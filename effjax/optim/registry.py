"""The table of all optimizers, and the decorator that enters one.

@register_optimizer(paper="arXiv:2208.06677, Xie et al. 2022")
def adan(learning_rate, b1: KeepFactor = 0.98, ...) -> optax.GradientTransformation:
    \"\"\"One line on it.\"\"\"
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax

from effjax import plugins
from effjax.errors import UserError
from effjax.optim.hints import checked_value, hints_of

Make = Callable[..., optax.GradientTransformation]

# How `create` gives a method its weight decay.
#   own       the method's function takes the decay and its mask; a wrapper the rate as well
#   added     decoupled decay, -lr wd p, is added to its update
#   coupled   wd p is added to its gradient
#   unmasked  its own decay, whose size only it knows, without a mask
#   inner     that of the optimizer that it wraps
Decay = Literal["own", "added", "coupled", "unmasked", "inner"]

# What ties the leaves together, beside a clipping by `max_grad_norm`.
#   nothing    each leaf has its own update
#   direction  a number of all leaves is part of the direction
#   step_size  the method finds one step size for all leaves
Coupling = Literal["nothing", "direction", "step_size"]

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
        source: 'effjax', 'optax', 'optax.contrib' or the module of a plug-in.
        decay: how `create` gives it weight decay, see `Decay`.
        needs: extra arguments that its `update` wants, for instance the loss as `value`.
        fixed: hyperparameters that `create` sets because the function has another default or none.
        wraps: the default of the hyperparameter `inner` if it goes around another optimizer, else
            None; hyperparameters that are not its own are then those of `inner`.
        hints: {hyperparameter: annotation}, the values that it may have.
        coupling: what ties the leaves together, see `Coupling`.
        split: function of the parameters -> tree of labels, where the method treats some leaves in
            another way than others.
    """

    name: str
    line: str
    paper: str
    make: Make
    source: str
    decay: Decay
    needs: tuple[str, ...] = ()
    fixed: tuple[tuple[str, Any], ...] = ()
    wraps: str | None = None
    hints: Mapping[str, Any] = field(default_factory=dict)
    coupling: Coupling = "nothing"
    split: Callable[[optax.Params], Any] | None = None

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """Name -> default of what `create` passes on (`inspect.Parameter.empty`: no default)."""
        signature = inspect.signature(self.make).parameters
        own = {
            name: parameter.default for name, parameter in signature.items() if name not in SHARED
        }
        inside = {"inner": self.wraps} if self.wraps else {}
        return own | dict(self.fixed) | inside

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

    @functools.cached_property
    def state_arrays(self) -> float:
        """Arrays of parameter size in the state, for one square matrix of 512 x 512 float32.

        For a method that wraps another: those of its own.
        """
        params = {"matrix": jax.ShapeDtypeStruct((512, 512), jnp.float32)}
        leaves = jax.tree.leaves(jax.eval_shape(self._example().init, params))
        return round(sum(leaf.size for leaf in leaves) / 512**2, 1)

    def _example(self) -> optax.GradientTransformation:
        """The method with its defaults."""
        if self.wraps:
            # a wrapper that decays by itself wants the rate as well
            rate = {self.rate_name: 1e-3} if self.decay == "own" else {}
            return self.make(optax.identity(), **rate)
        missing = inspect.Parameter.empty
        required = {
            name: 1.0 for name, default in self.hyperparameters.items() if default is missing
        }
        return self.make(**{self.rate_name: 1e-3}, **required, **dict(self.fixed))

    def checked(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The settings, each cast to its annotated type.

        Raises:
            UserError: one is outside of its range, or of the wrong type.
        """
        defaults = self.hyperparameters
        checked = dict(settings)
        for name in self.hints.keys() & settings.keys():
            default = defaults.get(name, inspect.Parameter.empty)
            checked[name] = checked_value(
                f"optimizer {self.name!r}", name, settings[name], self.hints[name], default
            )
        self._check_ends({**defaults, **checked})
        return checked

    def _check_ends(self, settings: Mapping[str, Any]) -> None:
        """Refuses min_X above max_X."""
        for name, low in settings.items():
            high = settings.get(f"max_{name.removeprefix('min_')}")
            has_ends = name.startswith("min_") and name in self.hints and high is not None
            if has_ends and low > high:
                raise UserError(
                    f"optimizer {self.name!r}: {name}={low:g} is above its "
                    f"max_{name.removeprefix('min_')}={high:g}; give the lower one as {name}"
                )


_TABLE: dict[str, OptimizerInfo] = {}


def register_optimizer(
    *,
    paper: str,
    needs: tuple[str, ...] = (),
    wraps: str | None = None,
    decay: Decay | None = None,
    fixed: Mapping[str, Mapping[str, Any]] | None = None,
    coupling: Coupling = "nothing",
    split: Callable[[optax.Params], Any] | None = None,
) -> Callable[[Make], Make]:
    """Enters a function that makes an optimizer under the function's name.

    The function takes `learning_rate` first (with `wraps`: the inner optimizer) and hyperparameters
    whose annotations say what they may be; these are checked at each call. If it takes
    `weight_decay` and `mask`, the decay is its own; if not, `create` adds a decoupled one.

    Args:
        paper: where the method comes from.
        needs: extra arguments of its `update`: "value", "grad", "value_fn", "obj_fn".
        wraps: the name of the optimizer inside, if none is given; None: it wraps no other.
        decay: see `Decay`; None: as the arguments of the function say.
        fixed: {further name: settings}: variants that enter under names of their own.
        coupling: see `Coupling`.
        split: function of the parameters -> tree of labels, where the method treats some leaves in
            another way than others.

    Example:
        >>> from effjax.optim import create, register_optimizer
        >>> import optax
        >>> @register_optimizer(paper="none")
        ... def half_sgd(learning_rate: float):
        ...     '''Gradient descent with half the learning rate.'''
        ...     return optax.sgd(learning_rate / 2)
        >>> tx = create("half_sgd", 0.1, weight_decay=0.01, clip_norm=1.0)
    """

    def register(make: Make) -> Make:
        variants = {make.__name__: {}, **(fixed or {})}
        for name, settings in variants.items():
            info = describe(
                make,
                paper,
                name=name,
                needs=needs,
                wraps=wraps,
                decay=decay,
                fixed=tuple(settings.items()),
                coupling=coupling,
                split=split,
            )
            add(info)
            # here rather than in `add`: the table of optax's methods is ours, and no plug-in
            plugins.note("optimizer", name, make.__module__)
        return _checking(make)

    return register


def describe(make: Make, paper: str, **fields: Any) -> OptimizerInfo:
    """What there is to say about a function that makes an optimizer.

    Args:
        make: the function.
        paper: where the method comes from.
        **fields: attributes of `OptimizerInfo` that cannot be read from the function.
    """
    given = {key: value for key, value in fields.items() if value is not None}
    # optax has methods that are a functools.partial, which has neither name nor docstring
    name = given.setdefault("name", getattr(make, "__name__", ""))
    given.setdefault("line", (inspect.getdoc(make) or name).splitlines()[0].rstrip("."))
    given.setdefault("source", _source_of(make))
    given.setdefault("decay", _decay_of(make))
    hints = given.get("hints") or hints_of(make)
    # `inner` is a name for `create` and a transformation for the function
    names = inspect.signature(make).parameters.keys() - {"inner"}
    given["hints"] = {key: hint for key, hint in hints.items() if key in names}
    return OptimizerInfo(paper=paper, make=make, **given)


def add(info: OptimizerInfo) -> None:
    """Enters an optimizer.

    Raises:
        ValueError: another function has that name.
    """
    known = _TABLE.get(info.name)
    # a module that is imported again may replace what it has entered
    if known is not None and _place_of(known) != _place_of(info):
        module, _ = _place_of(known)
        raise ValueError(
            f"there is an optimizer {info.name!r} already, in {module}: choose another name"
        )
    _TABLE[info.name] = info


def registry() -> Mapping[str, OptimizerInfo]:
    """Name -> `OptimizerInfo` of all that were entered."""
    return _TABLE


def _place_of(info: OptimizerInfo) -> tuple[str, str]:
    make = info.make
    return getattr(make, "__module__", ""), getattr(make, "__qualname__", info.name)


def _source_of(make: Make) -> str:
    module = getattr(make, "__module__", "")
    return "effjax" if module.startswith("effjax.") else module


def _decay_of(make: Make) -> Decay:
    arguments = set(inspect.signature(make).parameters)
    has_mask = bool(arguments & {"mask", "weight_decay_mask"})
    return "own" if "weight_decay" in arguments and has_mask else "added"


def _checking(make: Make) -> Make:
    """The same function, which looks at its arguments first."""
    info = describe(make, "")
    signature = inspect.signature(make)

    @functools.wraps(make)
    def checking(*args: Any, **kwargs: Any) -> optax.GradientTransformation:
        given = signature.bind(*args, **kwargs)
        return make(**info.checked(given.arguments))

    return checking
