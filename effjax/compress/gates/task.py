"""Gates learned on a trained network that is held: the task behind `--importance=isp` and `ddnp`.

    loss = (1 - alpha) cross-entropy + alpha distance to the original + weight |log(cost / budget)|
           + steer distance of where the two look (ISP; 0 by default)

At the end the channels are ranked by their gates, and so many go that the exact cost of what is
left is within the budget.

Shapes: B batch, K classes, G groups, N channels of a group.
"""

import copy
import dataclasses
import functools
from collections.abc import Set
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from effjax.compress.cut_record import write_cut
from effjax.compress.gates.gated import channel_norms, gated
from effjax.compress.gates.methods import GATES
from effjax.compress.gates.saliency import Explainer, apart, bell_map, explain, explanation_loss
from effjax.compress.gates.soft_cost import SoftCost, soft_cost
from effjax.compress.model_state import divided
from effjax.compress.narrow import narrow, read_budget
from effjax.compress.sites import Site, flat, nested, sites_of
from effjax.contract import Batch, Metrics, Params, TrainState, join_variables
from effjax.costs import Budget, log_ratio
from effjax.costs.soft import Form
from effjax.errors import UserError
from effjax.models import abstract_variables
from effjax.ranges import NotNegative
from effjax.tasks.classification import Classification
from effjax.tasks.distillation import soft
from effjax.tasks.registry import register_task

AVERAGES = "gates"
EXPLAINER = "explainer"  # of the parameters, where gates are steered


@dataclasses.dataclass(frozen=True)
class GateOptions:
    """Keys of `config.task` that say how gates are learned."""

    budget: str = "macs:0.5x"  # of what is left
    gates: str = "isp"  # or "ddnp"
    weight: NotNegative = 2.0  # of the budget beside the other losses
    form: Form = "two_sided"  # "hinge": a lower cost is free
    alpha: float = 0.5  # the share of the distance to what the original says
    temperature: float = 3.0  # of that distance
    # of the distance between where the network under gates looks and where the original does
    steer: NotNegative = 0.0  # 10 in ISP

    def __post_init__(self) -> None:
        GATES.find(self.gates)
        read_budget(self.budget)
        if not 0.0 <= self.alpha <= 1.0:
            raise UserError(f"config.task.alpha = {self.alpha}; expected 0 <= alpha <= 1")
        if self.temperature <= 0.0:
            raise UserError(f"config.task.temperature = {self.temperature}; expected more than 0")


@register_task("gates", "labelled images, and which channels of a trained network stay")
class LearnGates(Classification):
    """Learns gates for the channels of a network whose weights are held.

    Parameters are {"network", "gates"}; nothing updates the network.
    """

    @dataclasses.dataclass(frozen=True)
    class Config(Classification.Config, GateOptions):
        """Keys of `config.task`."""

        def __post_init__(self) -> None:
            GateOptions.__post_init__(self)

    trains_model = False
    # in the copy that is traced:
    original: Any = None  # images -> logits
    steering: Any = None  # images -> [B], how far explanations are apart; None: not asked for

    # ------------------------------------------------------------------------- what is learned

    @functools.cached_property
    def sites(self) -> list[Site]:
        """The groups of the network."""
        variables = abstract_variables(self.model, self.split.image_shape)
        return sites_of(self.model, variables)

    @functools.cached_property
    def method(self) -> Any:
        """ISP's or DDNP's gates."""
        make = GATES.find(self.options.gates)
        return make([site.group.size for site in self.sites])

    @functools.cached_property
    def cost(self) -> SoftCost:
        """The cost of the network as a function of its groups' shares."""
        return soft_cost(self.model, self.sites, self.split.image_shape, self.budget_unit)

    @property
    def budget_unit(self) -> str:
        return read_budget(self.options.budget).unit

    @functools.cached_property
    def limit(self) -> Budget:
        """The budget as an amount.

        Raises:
          UserError: no number of channels meets it.
        """
        budget = read_budget(self.options.budget).relative_to(self.cost.total)
        fewest = [site.group.least / site.group.size for site in self.sites]
        remedy = "give another budget, such as macs:0.5x"
        budget.check_reachable(self.cost(fewest), self.cost.total, "channels", remedy)
        return budget

    def init(
        self,
        rng: jax.Array,
        batch: Batch,
    ) -> tuple[Params, Any]:
        if self.config.init_from is None:
            raise UserError(
                "gates choose channels of a trained network\n"
                "give the run: --config.model.name=runs/x"
            )
        _ = self.limit  # refused before anything is compiled
        network_key, gates_key = jax.random.split(rng)
        network, model_state = super().init(network_key, batch)
        gates, averages = self.method.init(gates_key)
        params = {"network": network, "gates": gates}
        if self.options.steer:
            # with another key the gates would be drawn otherwise than without it
            params[EXPLAINER] = self._explainer(jax.random.fold_in(gates_key, 1), batch)
        return params, {**model_state, AVERAGES: averages}

    def _explainer(
        self,
        key: jax.Array,
        batch: Batch,
    ) -> Any:
        """The parameters of a head that explains the original.

        Raises:
          UserError: a network of tokens, which has no maps.
        """
        images = self.images(batch)[:1]
        variables = abstract_variables(self.model, self.split.image_shape)
        maps = jax.eval_shape(self._maps, variables, images)
        if any(found.ndim != 4 for found in maps):
            raise UserError(
                f"steer compares where networks look, on maps; {self.config.model.name} has "
                "tokens\nleave --steer out"
            )
        blank = [jnp.zeros(found.shape) for found in maps]
        return Explainer().init(key, blank)["params"]

    def load(
        self,
        params: Params,
        model_state: Any,
        source: str,
    ) -> tuple[Params, Any, Any]:
        rest, averages = divided(model_state, AVERAGES)
        network, rest, report = super().load(params["network"], rest, source)
        return {**params, "network": network}, {**rest, AVERAGES: averages}, report

    def groups(self, params: Params) -> Any:
        found = jax.tree.map(lambda _: "default", params)
        found["network"] = jax.tree.map(lambda _: "frozen", params["network"])
        return found

    def network_not_learned(self) -> Set[str]:
        return {path.removeprefix("network/") for path in self.not_learned}

    # --------------------------------------------------------------------------------- training

    def loss(
        self,
        params: Params,
        model_state: Any,
        batch: Batch,
        rng: jax.Array,
        step: jax.Array,
    ) -> tuple[jax.Array, tuple[Any, Metrics]]:
        gates_key, rng = jax.random.split(rng)
        rest, averages = divided(model_state, AVERAGES)
        network = jax.lax.stop_gradient(params["network"])
        drawn = self.method.draw(params["gates"], averages, self._norms(network), gates_key)
        # a copy: what is traced now must not be seen by the next trace
        traced = copy.copy(self)
        whole = join_variables(network, rest)
        under = self._under(network, drawn.gates)
        traced.original = functools.partial(self._logits, whole)
        if self.options.steer:
            traced.steering = functools.partial(
                self._steering, params[EXPLAINER], whole, join_variables(under, rest)
            )
        loss, (rest, metrics) = Classification.loss(traced, under, rest, batch, rng, step)
        cost = self.cost(drawn.shares)
        loss += self.options.weight * log_ratio(cost, self.limit.limit, self.options.form)
        metrics["cost"] = (cost / self.limit.limit, jnp.ones(()))
        return loss, ({**rest, AVERAGES: drawn.running}, metrics)

    def losses(
        self,
        logits: jax.Array,
        targets: jax.Array,
        images: jax.Array,
    ) -> jax.Array:
        """[B]: of the labels and of the original's logits."""
        options = self.options
        labelled = super().losses(logits, targets, images)
        distance = soft(logits, self.original(images), options.temperature)
        total = (1 - options.alpha) * labelled + options.alpha * distance
        return total if self.steering is None else total + self.steering(images)

    def _steering(
        self,
        head: Params,
        whole: Any,
        under: Any,
        images: jax.Array,
    ) -> jax.Array:
        """[B]: the head learns to explain the original; gates keep what it says.

        Args:
          head: of the explainer.
          whole, under: variables of the original, and of the network under gates.
        """
        bells = explain(head, self._maps(whole, images))
        mask = bell_map(bells, *images.shape[1:3])
        seen = images * mask[..., None].astype(images.dtype)
        learned = explanation_loss(self._logits(whole, images), self._logits(whole, seen), mask)
        # gates must not change what an explanation is, nor the head what it is compared with
        held = jax.lax.stop_gradient(head)
        moved = explain(held, self._maps(under, images))
        return learned + self.options.steer * apart(moved, jax.lax.stop_gradient(bells))

    def _maps(
        self,
        variables: Any,
        images: jax.Array,
    ) -> list[jax.Array]:
        """The maps [B, h, w, C] of all stages, the first one the largest."""
        features = self.model.apply(variables, images, train=False, method="features")
        return [found for name, found in features.items() if name.startswith("stage")]

    def _logits(
        self,
        variables: Any,
        images: jax.Array,
    ) -> jax.Array:
        return self.model.apply(variables, images, train=False)

    def _under(
        self,
        network: Params,
        gates: list[jax.Array],
    ) -> Params:
        """The parameters of the network under gates [N] of each group."""
        groups = [site.group for site in self.sites]
        return nested(gated(flat({"params": network}), groups, gates))["params"]

    def _norms(self, network: Params) -> list[jax.Array]:
        arrays = flat({"params": network})
        return [channel_norms(arrays, site.group) for site in self.sites]

    # ----------------------------------------------------------------------------- what comes out

    def predict(
        self,
        params: Params,
        model_state: Any,
        batch: Batch,
    ) -> jax.Array:
        """Logits [B, K] of the network under gates of 0 and 1; its cost may miss the budget."""
        rest, averages = divided(model_state, AVERAGES)
        gates = self.method.settled(params["gates"], averages)
        return super().predict(self._under(params["network"], gates), rest, batch)

    def finish(
        self,
        state: TrainState,
        workdir: Path,
    ) -> None:
        super().finish(state, workdir)
        rest, averages = divided(jax.device_get(state.model_state), AVERAGES)
        params = jax.device_get(state.params)
        names = [site.group.name for site in self.sites]
        scores = dict(zip(names, self.method.scores(params["gates"], averages), strict=True))
        variables = join_variables(params["network"], rest)
        found = narrow(self.model, variables, scores, self.limit, self.split.image_shape)
        name = self.config.model.name
        write_cut(name, found, self.sites, self.options.gates, self.options.budget, workdir)
