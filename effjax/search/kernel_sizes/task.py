"""Kernel sizes as something to learn: the task behind `effjax search`.

EffConv (Ganjdanesh, Gao and Huang, AAAI 2023, doi 10.1609/aaai.v37i6.25923), reconstructed: a size
predictor and a kernel predictor are trained with the network that they serve, by

    loss = task loss + weight * |log(P(v) / budget)|

docs/kernel_search.md says what is the paper's and what is ours.

Shapes: B batch, S sizes, T budgets.
"""

import functools
import itertools
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from effjax import models
from effjax.config import View
from effjax.contract import Batch, Metrics, Params, TrainState, Variables
from effjax.costs import fingerprint, log_ratio
from effjax.errors import UserError
from effjax.search.kernel_sizes.export import export, recalibrated
from effjax.search.kernel_sizes.found import Found, found_for
from effjax.search.kernel_sizes.masks import nearest_odd
from effjax.search.kernel_sizes.options import SearchConfig
from effjax.search.kernel_sizes.supernet import Supernet
from effjax.tasks.accuracy import Accuracy
from effjax.tasks.classification import Classification
from effjax.tasks.registry import register_task
from effjax.tasks.unfreezing import BACKBONE


@register_task("kernel_search", "labelled images, and the sizes of the windows under a budget")
class KernelSearch(Classification):
    """Learns `config.model` and, with it, the sizes of its windows under a budget.

    Keys of `config.task`: `SearchConfig`. Parameters are {"network", "sizes", "kernels"}, each with
    its entry in `config.optim` ("default" serves the network). model_state["search"] remembers the
    rounded sizes and since when they have not changed.
    """

    Config = SearchConfig
    trains_model = False

    def __init__(
        self,
        config: View,
        batch_axis: str | None = None,
    ):
        super().__init__(config, batch_axis)
        self.keys: SearchConfig = self.options

    @functools.cached_property
    def supernet(self) -> Supernet:
        """What is searched: the network with the largest windows, its sites, costs and budgets."""
        return Supernet(self.build_model(), self.split.image_shape, self.keys)

    @functools.cached_property
    def model(self) -> models.ImageModel:
        """The network with the largest window at every site."""
        return self.supernet.model

    # ------------------------------------------------------------------------------ parameters

    def init(self, rng: jax.Array, batch: Batch) -> tuple[Params, Any]:
        for name in ("hold", "warmup", "settled"):
            self._steps(name)  # refuses a wrong duration before anything is compiled
        network_key, sizes_key, kernels_key = jax.random.split(rng, 3)
        network, model_state = super().init(network_key, batch)
        params = self.supernet.init(network, sizes_key, kernels_key)
        sizes = len(self.supernet.sizes.largest)
        memory = {
            "rounded": jnp.zeros((len(self.supernet.budgets), sizes), jnp.int32),
            "changed_at": jnp.zeros((), jnp.int32),
        }
        return params, {**model_state, "search": memory}

    def load(self, params: Params, model_state: Any, source: str) -> tuple[Params, Any, Any]:
        net = self.supernet
        if net.kernel_predictor is not None:
            raise UserError(
                "a kernel predictor cannot start from kernels; start the search with\n"
                "--config.task.kernels=superkernel, or leave out init_from"
            )
        whole = net.insert_kernels(params, net.kernels(params))
        network, rest, report = super().load(whole, _of_network(model_state), source)
        network, kernels = net.take_kernels(network)
        params = {**params, "network": network, "kernels": kernels}
        return params, {**rest, "search": model_state["search"]}, report

    def groups(self, params: Params) -> Any:
        if self.options.frozen == BACKBONE:
            raise UserError(
                "a search learns the backbone; give a regular expression as task.frozen"
            )
        if self.unfreezing.rules or not self.scales.is_usual:
            raise UserError(
                "a search learns sizes and kernels from the start, for images of one size\n"
                "leave config.task.unfreeze_*, image_sizes and patch_sizes out"
            )
        # `frozen` names parameters of the network, where the kernels have their places
        net = self.supernet
        whole = net.insert_kernels(params, self._kernels_in_place(params))
        network, labels = net.take_kernels(super().groups(whole))
        sizes = jax.tree.map(lambda _: "sizes", params["sizes"])
        kernels = jax.tree.map(lambda _: "kernels", params["kernels"])
        if net.kernel_predictor is None:
            for name, label in labels.items():
                kernels[name] = "frozen" if label == "frozen" else "kernels"
        return {"network": network, "sizes": sizes, "kernels": kernels}

    def _kernels_in_place(self, params: Params) -> list[Any]:
        """The kernels that are parameters; None where a predictor gives them."""
        if self.supernet.kernel_predictor is None:
            return self.supernet.kernels(params)
        return [None for _ in self.supernet.kernel_sites]

    def network_not_learned(self) -> Set[str]:
        places = self.supernet.kernel_places()
        return {
            places.get(path, path.removeprefix("network/"))
            for path in self.not_learned
            if not path.startswith("sizes/")
        }

    # -------------------------------------------------------------------------------- training

    def loss(
        self,
        params: Params,
        model_state: Any,
        batch: Batch,
        rng: jax.Array,
        step: jax.Array,
    ) -> tuple[jax.Array, tuple[Any, Metrics]]:
        net = self.supernet
        keys = self.keys
        budget_key, rng = jax.random.split(rng)
        budget = self._draw_budget(budget_key)
        tightened = self._tightened(step)
        sizes = net.soft_sizes(self._held(params, step), budget, tightened)
        with net.network(params, sizes) as network:
            loss, (rest, metrics) = super().loss(
                network, _of_network(model_state), batch, rng, step
            )
        # the sizes at each budget are reported, not those at the one that was drawn
        reported = [net.soft_sizes(params, one, tightened) for one in net.budgets]
        memory = _remember(model_state["search"], jnp.stack(reported), step)
        metrics |= self._size_metrics(reported[0])
        if keys.form != "projected":
            grown = jnp.minimum(1.0, (step + 1) / self._warmup)
            penalty = log_ratio(net.cost.soft(sizes), budget, keys.form)
            loss += keys.weight * grown * penalty
        return loss, ({**rest, "search": memory}, metrics)

    def _draw_budget(self, key: jax.Array) -> jax.Array:
        """The budget of one step: between the least and the most, evenly in its logarithm."""
        budgets = self.supernet.budgets
        ends = jnp.asarray([min(budgets), max(budgets)], jnp.float32)
        low, high = jnp.log(ends)
        drawn = jax.random.uniform(key)
        return jnp.exp(low + (high - low) * drawn)

    def _tightened(self, step: jax.Array) -> jax.Array:
        """How far the target has come from the cost at the start to the budget, in [0, 1]."""
        hold = self._steps("hold")
        falling = max(1, self._warmup - hold)
        return jnp.clip((step + 1 - hold) / falling, 0.0, 1.0)

    def _held(self, params: Params, step: jax.Array) -> Params:
        """The parameters, without a gradient for the sizes before `hold`.

        Sizes that move before the kernels mean anything would follow noise.
        """
        held = step < self._steps("hold")  # traced: one program serves the whole search

        def hold(leaf: jax.Array) -> jax.Array:
            return jnp.where(held, jax.lax.stop_gradient(leaf), leaf)

        return {"sizes": jax.tree.map(hold, params["sizes"])}

    def _size_metrics(self, sizes: jax.Array) -> Metrics:
        """The cost as a share of the budget, and every soft size."""
        net = self.supernet
        once = jnp.ones(())  # a weight: these are no means over examples
        metrics = {"cost": (net.cost.soft(sizes) / net.budgets[0], once)}
        for name, size in zip(net.sizes.names, sizes):
            metrics[f"search/{name}"] = (size, once)
        return metrics

    @property
    def _warmup(self) -> int:
        return max(1, self._steps("warmup"))

    def _steps(self, name: str) -> int | None:
        return self.keys.steps(name, self.config, self.split.num_examples)

    def done(self, state: TrainState) -> bool:
        patience = self._steps("settled")
        if patience is None:
            return False
        # before both of these the sizes are held, or driven by the budget's schedule
        begun = max(self._steps("hold"), self._steps("warmup"))
        since = max(begun, int(state.model_state["search"]["changed_at"]))
        return int(state.step) - since >= patience

    # ---------------------------------------------------------------------------- what comes out

    def predict(self, params: Params, model_state: Any, batch: Batch) -> jax.Array:
        """Logits [B, K] of the network with soft windows at the first budget."""
        net = self.supernet
        sizes = net.soft_sizes(params, net.budgets[0])
        with net.network(params, sizes) as network:
            return super().predict(network, _of_network(model_state), batch)

    def record(self) -> dict[str, Any]:
        known = super().record()
        if self.keys.latency_table is not None:
            known["latency_table"] = fingerprint(Path(self.keys.latency_table))
        return known

    def finish(self, state: TrainState, workdir: Path) -> None:
        results = []
        held_out = []
        for budget in self.supernet.budgets:
            found = read_off(self, state, budget)
            found = recalibrated(found, self._training_images())
            results.append(found)
            held_out.append(self._held_out(found))
        # without the tag of published weights
        name = models.without_tag(self.config.model.name)
        export(self.supernet, results, held_out, name, workdir, self._steps("hold"))

    def _training_images(self) -> Iterator[tuple[jax.Array, jax.Array]]:
        """(normalised images [B, H, W, 3], mask [B]) of the first `recalibrate` batches."""
        source = self.split.batches()
        try:
            for batch in itertools.islice(source, self.keys.recalibrate):
                whole = self.split.unpack({**batch, **self.split.resident})
                yield self.images(whole), whole["mask"]
        finally:
            source.close()

    def _held_out(self, found: Found) -> dict[str, float]:
        """Held-out loss and accuracy of a found network before it is trained any further.

        Nothing where the config evaluates nothing.
        """
        if not self.config.evals:
            return {}
        section = self.config.evals[next(iter(self.config.evals))]

        def predict(variables: Variables, batch: Batch) -> jax.Array:
            return found.model.apply(variables, self.images(batch), train=False)

        evaluator = Accuracy(predict, self.config, section)
        key = jax.random.key(0)  # accuracy draws nothing
        return dict(evaluator(found.variables, key, evaluator.source.batches()))


def read_off(task: KernelSearch, state: TrainState, budget: float) -> Found:
    """The network that a search has found for a budget, in the unit of the search."""
    return found_for(task.supernet, state.params, _of_network(state.model_state), budget)


def _of_network(model_state: Any) -> dict[str, Any]:
    """The model state without what the search remembers."""
    return {name: part for name, part in model_state.items() if name != "search"}


def _remember(memory: Any, sizes: jax.Array, step: jax.Array) -> Any:
    """The rounded sizes [T, S], and the step at which one of them changed last."""
    rounded = nearest_odd(sizes).astype(jnp.int32)
    changed = (rounded != memory["rounded"]).any()
    changed_at = jnp.where(changed, step, memory["changed_at"])
    return {
        "rounded": rounded,
        "changed_at": changed_at.astype(jnp.int32),
    }
