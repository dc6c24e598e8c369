"""Which optimizer and which learning rate serve which parameters."""

import contextlib
import dataclasses
import operator
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from typing import Any

import jax
import optax

from effjax import optim
from effjax.config import Clock, View
from effjax.errors import UserError, nearest
from effjax.runs.schema import OptimConfig
from effjax.training.parts import check_parts, group_of
from effjax.training.plans import make_plan

FROZEN = "frozen"  # the label of parameters that no optimizer serves
OFFERED = ("value", "grad", "value_fn", "obj_fn")  # extra arguments that a step can give
Rate = Callable[[jax.Array], jax.Array]  # step -> learning rate
Depths = Callable[[Any], tuple[Any, int] | None]  # parameters -> their depths, that of the head


@dataclass(frozen=True)
class Groups:
    """Optimizers by the labels of the parameters that they serve.

    Attributes:
      labels: a tree of names like the parameters.
      transforms: {name: optimizer whose learning rate is part of its state}.
      rates: {name: step -> learning rate}.
      extras: {name: the extra arguments that its optimizer's `update` wants}.
      trunk: the step at which the final decay of the learning rate begins; None: there is none.
      sections: {name: the entry of `config.optim` that describes it}; a group's parts share one.
      clips: {entry: the largest norm of the gradients of all its parts}.
    """

    labels: Any
    transforms: dict[str, optax.GradientTransformation]
    rates: dict[str, Rate]
    extras: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    trunk: int | None = None
    sections: dict[str, str] = dataclasses.field(default_factory=dict)
    clips: dict[str, float] = dataclasses.field(default_factory=dict)

    def section(self, name: str) -> str:
        """The entry of `config.optim` that describes a group."""
        return self.sections.get(name, name)

    def pick(self, tree: Any, name: str) -> Any:
        """The leaves of one group; the others become empty nodes."""

        def choose(leaf: Any, label: str) -> Any:
            if label == name:
                return leaf
            # an empty node, so that the picked leaves keep their paths and optax skips the others
            return optax.MaskedNode()

        return jax.tree.map(choose, tree, self.labels)

    def put_back(self, tree: Any, picked: Any, name: str) -> Any:
        """`tree` with the leaves of one group replaced by the `picked` ones."""

        def choose(old: Any, label: str, new: Any) -> Any:
            if label == name:
                return new
            return old

        return jax.tree.map(choose, tree, self.labels, picked)

    def init(self, params: Any) -> dict[str, Any]:
        """{name: optimizer state}."""
        states = {}
        for name, transform in self.transforms.items():
            picked = self.pick(params, name)
            states[name] = transform.init(picked)
        return states

    def eval_params(self, params: Any, opt_state: dict[str, Any]) -> Any:
        """The parameters to evaluate: slow weights, a schedule-free average, or `params`."""
        for name in self.transforms:
            picked = optim.eval_params(self.pick(params, name), opt_state[name])
            params = self.put_back(params, picked, name)
        return params

    def wanted(self, name: str, offered: dict[str, Any]) -> dict[str, Any]:
        """Those of the `offered` arguments that the optimizer of a group wants.

        Raises:
          UserError: it wants another one.
        """
        extras = self.extras.get(name, ())
        missing = [argument for argument in extras if argument not in offered]
        if missing:
            raise UserError(
                f"config.optim.{name}: the optimizer needs {', '.join(missing)}, which the update "
                "of this task does not give\ntake one that needs gradients alone, such as adamw"
            )
        return {argument: offered[argument] for argument in extras}

    @property
    def not_learned(self) -> frozenset[str]:
        """Paths of the parameters that no optimizer serves."""
        return self.not_learned_while(frozenset())

    def not_learned_while(self, waiting: Set[str]) -> frozenset[str]:
        """Paths of the parameters that no optimizer serves while some groups wait."""
        paths = optim.parameter_paths(self.labels)
        named = zip(paths, jax.tree.leaves(self.labels), strict=True)
        return frozenset(path for path, label in named if label == FROZEN or label in waiting)

    def count_learned(self, params: Any, waiting: Set[str] = frozenset()) -> int:
        """How many numbers of `params` (or of their shapes) are learned while some groups wait."""
        labelled = zip(jax.tree.leaves(params), jax.tree.leaves(self.labels), strict=True)
        idle = {FROZEN, *waiting}
        return sum(leaf.size for leaf, label in labelled if label not in idle)


def make_groups(
    config: View, clock: Clock, params: Any, labels: Any, depths: Depths | None = None
) -> Groups:
    """Optimizers and learning rates as `config.optim` and `config.schedule` say.

    Parameters whose factor of the learning rate is 0 are labelled as frozen: they have no optimizer
    state, and do not count in the norms that an optimizer takes over all that it serves.

    Args:
      params: all parameters, or their shapes.
      labels: see `Task.groups`.
      depths: see `Task.depths`; called only where a group has a `layer_decay`.

    Raises:
      UserError: a group without optimizer, an optimizer without group, a wrong name or value.
    """
    names = sorted(set(jax.tree.leaves(labels)) - {FROZEN})
    sections = {name: group_of(name, config.optim) for name in names}
    for section in sections.values():
        if section not in config.optim:
            known = nearest(section, config.optim)
            raise UserError(
                f"parameters are labelled {section!r}, but config.optim has no such entry; {known}"
            )
    plans = {name: _checked_plan(config, clock, sections[name]) for name in names}
    rates = {name: plan.rate for name, plan in plans.items()}
    # one schedule serves all groups, with a peak for each
    trunk = min((plan.trunk for plan in plans.values()), default=clock.total_steps)
    factors = {}
    whole = jax.tree.map(lambda label: sections.get(label, label), labels)
    for name, section in sections.items():
        with _naming(f"config.optim.{section}"):
            factors[name] = _rate_factors(config.optim[section], params, whole, depths, section)
            labels = _freeze_zeros(labels, factors[name], name)
    groups = Groups(labels, {}, rates, trunk=trunk if trunk < clock.total_steps else None)
    groups.sections.update(sections)
    for name, section in sections.items():
        with _naming(f"config.optim.{section}"):
            groups.extras[name] = _extra_arguments(config.optim[section])
            has_parts = list(sections.values()).count(section) > 1
            if has_parts:
                _share_norm(config.optim[section], groups, section)
            groups.transforms[name] = _make_transform(
                config.optim[section], groups, params, factors[name], name
            )
    return groups


def _share_norm(section: View, groups: Groups, name: str) -> None:
    """Notes that the parts of a group are clipped together; refuses what they cannot share."""
    check_parts(name, section.name, _hyperparameters(section))
    if section.clip_norm is not None:
        groups.clips[name] = section.clip_norm


@contextlib.contextmanager
def _naming(section: str) -> Iterator[None]:
    """Turns errors of the optimizers' factories into a user's mistake in one section."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise UserError(f"{section}: {error}") from error


def _rate_factors(
    section: View, params: Any, labels: Any, depths: Depths | None, name: str
) -> Any | None:
    """A tree of factors of the learning rate like `params`; None: all are 1.

    Raises:
      ValueError: a rule that decides for none of the group's parameters, or `layer_decay` without
        depths.
    """
    if not section.lr_scale and section.layer_decay is None:
        return None
    otherwise = (r"", 1.0)  # matches what no rule names
    rules = (*section.lr_scale, otherwise)
    factors = optim.match_rules(rules, params, what="the learning rate")
    own = Groups(labels, {}, {}).pick(params, name)
    idle = optim.unused_rules(section.lr_scale, own)
    if idle:
        raise ValueError(f"the rule {idle[0]!r} of lr_scale decides for no parameter")
    if section.layer_decay is None:
        return factors
    # over the whole network: freezing a part must not change the factors of the rest
    stated = depths(params) if depths is not None else None
    if stated is None:
        raise ValueError(
            "layer_decay: the task does not state how deep each parameter is\n"
            "leave layer_decay out, or write the task's method `depths`"
        )
    by_layer = optim.depth_scales(*stated, section.layer_decay)
    return jax.tree.map(operator.mul, factors, by_layer)


def _freeze_zeros(labels: Any, factors: Any | None, name: str) -> Any:
    if factors is None:
        return labels

    def relabel(label: str, factor: float) -> str:
        # a factor outside the group decides nothing: the rules were read for all parameters
        if label == name and factor == 0:
            return FROZEN
        return label

    return jax.tree.map(relabel, labels, factors)


def _make_transform(
    section: View, groups: Groups, params: Any, factors: Any | None, name: str
) -> optax.GradientTransformation:
    picked = groups.pick(params, name)
    if not jax.tree.leaves(picked):
        raise ValueError("lr_scale freezes all its parameters; leave one rule above 0")

    def decays(params: Any) -> Any:
        return optim.match_rules(section.decay, params, what="weight decay")

    scaled = {}
    if factors is not None:
        scaled["lr_scale"] = groups.pick(factors, name)
    transform = optim.create_injected(
        section.name,
        learning_rate=section.learning_rate,
        weight_decay=section.weight_decay,
        mask=decays,
        clip_norm=None if groups.section(name) in groups.clips else section.clip_norm,
        **scaled,
        **_hyperparameters(section),
    )
    # hyperparameters and decay rules are looked at when the state or an update is made
    jax.eval_shape(transform.init, picked)
    decays(picked)
    return transform


def _extra_arguments(section: View) -> tuple[str, ...]:
    hyperparameters = _hyperparameters(section)
    optim.check_arguments(section.name, hyperparameters, OFFERED)
    # a wrapper, such as lookahead, wants what the optimizer inside it wants
    inner = {}
    if "inner" in hyperparameters:
        inner["inner"] = hyperparameters["inner"]
    return optim.extra_arguments(section.name, **inner)


def _hyperparameters(section: View) -> dict[str, Any]:
    """Keys of a group's section that are its optimizer's own."""
    declared = [field.name for field in dataclasses.fields(OptimConfig)]
    return section.extras(*declared)


def _checked_plan(config: View, clock: Clock, name: str) -> optim.Plan:
    with _naming("config.schedule"):
        return make_plan(config.schedule, clock, config.optim[name].learning_rate)
