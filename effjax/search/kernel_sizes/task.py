"""Kernel sizes as something to learn: the task behind `effjax search`.

EffConv (Ganjdanesh, Gao and Huang, AAAI 2023, doi 10.1609/aaai.v37i6.25923), reconstructed: a size
predictor and a kernel predictor are trained with the network that they serve, by

    loss = task loss + weight * |log(P(v) / budget)|

docs/kernel_search.md says what is the paper's and what is ours.

Shapes: B batch, S sizes, I J taps, C channels, T budgets.
"""

import contextlib
import functools
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.core import unfreeze
from flax.traverse_util import flatten_dict, unflatten_dict

from effjax import models
from effjax.config import View
from effjax.contract import Batch, Metrics, Params, TrainState
from effjax.errors import UserError
from effjax.models.blocks.mixers import Pooling
from effjax.ops import depthwise_conv
from effjax.search.kernel_sizes.budget import Cost, log_ratio, shift_to
from effjax.search.kernel_sizes.cost import make_cost
from effjax.search.kernel_sizes.masks import MASKS, nearest_odd, outer_odd
from effjax.search.kernel_sizes.options import SearchConfig
from effjax.search.kernel_sizes.predictors import (
    FreeSizes,
    KernelPredictor,
    SizePredictor,
    assemble,
    to_sizes,
)
from effjax.search.kernel_sizes.sites import Sizes, find_sites, with_sizes
from effjax.tasks.classification import BACKBONE, Classification
from effjax.tasks.registry import register_task


@register_task("kernel_search", "labelled images, and the sizes of the windows under a budget")
class KernelSearch(Classification):
    """Learns `config.model` and, with it, the sizes of its windows under a budget.

    Keys of `config.task`: `SearchConfig`. Parameters are {"network", "sizes", "kernels"}, each with
    its entry in `config.optim` ("default" serves the network). model_state["search"] remembers the
    rounded sizes and since when they have not changed.
    """

    Config = SearchConfig
    trains_model = False

    def __init__(self, config: View, batch_axis: str | None = None):
        super().__init__(config, batch_axis)
        self.keys: SearchConfig = self.options
        self.mask = MASKS[self.keys.mask]

    # ------------------------------------------------------------------------ what is searched

    @functools.cached_property
    def given(self) -> models.ImageModel:
        """The network with the sizes that `config.model` gives."""
        return self.build_model()

    @functools.cached_property
    def sizes(self) -> Sizes:
        """Sites and their sizes."""
        keys = self.keys
        return Sizes(
            find_sites(
                self.given, self.split.image_shape, keys.where, keys.max_size, keys.separable
            )
        )

    @functools.cached_property
    def model(self) -> models.ImageModel:
        """The network with the largest window at every site."""
        return self.with_sizes(self.sizes.largest)

    def with_sizes(self, sizes: Any) -> models.ImageModel:
        """The network with odd sizes [S]."""
        sites = self.sizes.sites
        architecture = with_sizes(self.given.architecture, sites, self.sizes.split(list(sizes)))
        return self.given.clone(architecture=architecture)

    @functools.cached_property
    def cost(self) -> Cost:
        """What sizes cost."""
        return make_cost(self.keys, self.sizes, self.model, self.split.image_shape)

    @functools.cached_property
    def budgets(self) -> tuple[float, ...]:
        """The budgets at which sizes are read off, the one that is reported first.

        Raises:
          UserError: one of them cannot be met.
        """
        keys, cost = self.keys, self.cost
        if keys.budget is not None:
            budgets = (keys.budget,)
        else:
            budgets = tuple(cost.exact(self.sizes.uniform(size)) for size in keys.budget_sizes)
        for budget in budgets:
            cost.check(budget)
        return budgets

    @functools.cached_property
    def size_predictor(self) -> nn.Module:
        if self.keys.sizes == "free":
            return FreeSizes(len(self.sizes.largest))
        return SizePredictor(self.sizes.site_of, conditional=len(self.budgets) > 1)

    @functools.cached_property
    def kernel_sites(self) -> list[int]:
        """The sites that have kernels."""
        return [n for n, site in enumerate(self.sizes.sites) if site.kind == "depthwise"]

    @functools.cached_property
    def kernel_predictor(self) -> KernelPredictor | None:
        """None: the kernels are the network's own at the largest size."""
        if self.keys.kernels == "superkernel" or not self.kernel_sites:
            return None
        return KernelPredictor(tuple(self.sizes.sites[n] for n in self.kernel_sites))

    # ------------------------------------------------------------------------------ parameters

    def init(self, rng: jax.Array, batch: Batch) -> tuple[Params, Any]:
        for name in ("hold", "warmup", "settled"):
            self._steps(name)  # a wrong duration is to be said before anything is compiled
        network_key, sizes_key, kernels_key = jax.random.split(rng, 3)
        network, model_state = super().init(network_key, batch)
        flat = flatten_dict(unfreeze(network))
        own = {path: flat.pop(path) for path in self._kernel_paths()}
        sizes = self.size_predictor.init(sizes_key, jnp.zeros(()))["params"]
        if self.kernel_predictor is None:
            kernels = {".".join(path[:-1]): kernel for path, kernel in own.items()}
        else:
            rounded = [jnp.asarray(self.sizes.sites[n].largest) for n in self.kernel_sites]
            kernels = self.kernel_predictor.init(kernels_key, rounded)["params"]
        params = {"network": unflatten_dict(flat), "sizes": sizes, "kernels": kernels}
        memory = {
            "rounded": jnp.zeros((len(self.budgets), len(self.sizes.largest)), jnp.int32),
            "changed_at": jnp.zeros((), jnp.int32),
        }
        return params, {**model_state, "search": memory}

    def load(self, params: Params, model_state: Any, source: str) -> tuple[Params, Any, Any]:
        if self.kernel_predictor is not None:
            raise UserError(
                "a kernel predictor cannot start from kernels; start the search with\n"
                "--config.task.kernels=superkernel, or leave out init_from"
            )
        memory = model_state["search"]
        rest = {name: state for name, state in model_state.items() if name != "search"}
        whole = self._insert(params, self._kernels(params, []))
        network, rest, report = super().load(whole, rest, source)
        flat = flatten_dict(unfreeze(network))
        kernels = {".".join(path[:-1]): flat.pop(path) for path in self._kernel_paths()}
        params = {**params, "network": unflatten_dict(flat), "kernels": kernels}
        return params, {**rest, "search": memory}, report

    def groups(self, params: Params) -> Any:
        if self.options.frozen == BACKBONE:
            raise UserError(
                "a search learns the backbone; give a regular expression as task.frozen"
            )
        # `frozen` names parameters of the network, in which the kernels have their places
        whole = self._insert(params, self._kernels_in_place(params))
        labels = super().groups(whole)
        flat = flatten_dict(unfreeze(labels))
        own = [flat.pop(path) for path in self._kernel_paths()]
        kernels = jax.tree.map(lambda _: "kernels", params["kernels"])
        if self.kernel_predictor is None:
            for n, label in zip(self.kernel_sites, own, strict=True):
                name = self.sizes.sites[n].name
                kernels[name] = "frozen" if label == "frozen" else "kernels"
        sizes = jax.tree.map(lambda _: "sizes", params["sizes"])
        return {"network": unflatten_dict(flat), "sizes": sizes, "kernels": kernels}

    def _kernels_in_place(self, params: Params) -> list[Any]:
        if self.kernel_predictor is None:
            return self._kernels(params, [])
        return [None for _ in self.kernel_sites]

    def network_not_learned(self) -> Set[str]:
        names = {
            f"kernels/{self.sizes.sites[n].name}": "/".join(path)
            for n, path in zip(self.kernel_sites, self._kernel_paths())
        }
        return {
            names.get(path, path.removeprefix("network/"))
            for path in self.not_learned
            if not path.startswith("sizes/")
        }

    def _kernel_paths(self) -> list[tuple[str, ...]]:
        return [(*self.sizes.sites[n].path, "kernel") for n in self.kernel_sites]

    def soft_sizes(
        self, params: Params, budget: jax.Array | float, share: jax.Array | float = 1.0
    ) -> jax.Array:
        """Real-valued sizes [S] for a budget.

        With form="projected" they cost exactly that; or, at a `share` below 1 of the way to it from
        the cost at the start, what is left there, evenly in its logarithm.
        """
        asked = jnp.log(budget / self.cost.exact(self.sizes.largest))
        logits = self.size_predictor.apply({"params": params["sizes"]}, asked)
        to = functools.partial(to_sizes, largest=self.sizes.largest, start=self.keys.start)
        if self.keys.form != "projected":
            return to(logits)
        begin = self.cost.soft(to(jnp.zeros_like(logits)))
        target = budget**share * begin ** (1 - share)
        return to(logits + shift_to(lambda x: self.cost.soft(to(logits + x)), target))

    def masked_kernels(self, params: Params, sizes: jax.Array) -> list[jax.Array]:
        """m(v) * w [I, J, 1, C] of every site with kernels."""
        each = self.sizes.split(sizes)
        each = [each[n] for n in self.kernel_sites]
        sites = [self.sizes.sites[n] for n in self.kernel_sites]
        return assemble(sites, self._kernels(params, each), each, self.mask)

    def _kernels(self, params: Params, sizes: list[jax.Array]) -> list[jax.Array]:
        if self.kernel_predictor is None:
            return [params["kernels"][self.sizes.sites[n].name] for n in self.kernel_sites]
        return self.kernel_predictor.apply(
            {"params": params["kernels"]}, [outer_odd(v) for v in sizes]
        )

    def _insert(self, params: Params, kernels: list[jax.Array]) -> Params:
        flat = flatten_dict(unfreeze(params["network"]))
        return unflatten_dict(flat | dict(zip(self._kernel_paths(), kernels, strict=True)))

    @contextlib.contextmanager
    def network(self, params: Params, sizes: jax.Array) -> Iterator[Params]:
        """Parameters of `model` with masked kernels; inside, pooling has soft windows."""
        windows = {
            site.path: site.mask(self.mask, v)
            for site, v in zip(self.sizes.sites, self.sizes.split(sizes))
            if site.kind == "pooling"
        }

        def pool_softly(call: Any, args: tuple, kwargs: dict, context: Any) -> Any:
            window = windows.get(context.module.path)
            if window is None or not isinstance(context.module, Pooling):
                return call(*args, **kwargs)
            return soft_pool_minus_input(args[0], window)

        kernels = self.masked_kernels(params, sizes)
        with nn.intercept_methods(pool_softly) if windows else contextlib.nullcontext():
            yield self._insert(params, kernels)

    # -------------------------------------------------------------------------------- training

    def loss(
        self, params: Params, model_state: Any, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> tuple[jax.Array, tuple[Any, Metrics]]:
        keys, rest = self.keys, dict(model_state)
        memory = rest.pop("search")
        budget_key, rng = jax.random.split(rng)
        budget = self._draw_budget(budget_key)
        # held: no gradient before the network knows anything, so the sizes stay at their start
        hold, warmup = self._steps("hold"), max(1, self._steps("warmup"))
        held = step < hold
        own = jax.tree.map(lambda p: jnp.where(held, jax.lax.stop_gradient(p), p), params["sizes"])
        tightened = jnp.clip((step + 1 - hold) / max(1, warmup - hold), 0.0, 1.0)
        sizes = self.soft_sizes({"sizes": own}, budget, tightened)
        with self.network(params, sizes) as network:
            loss, (rest, metrics) = super().loss(network, rest, batch, rng, step)
        reported = [self.soft_sizes(params, budget, tightened) for budget in self.budgets]
        memory = self._remember(memory, jnp.stack(reported), step)
        once = jnp.ones(())
        metrics["cost"] = (self.cost.soft(reported[0]) / self.budgets[0], once)
        for name, size in zip(self.sizes.names, reported[0]):
            metrics[f"search/{name}"] = (size, once)
        if keys.form != "projected":
            share = jnp.minimum(1.0, (step + 1) / warmup)
            loss += keys.weight * share * log_ratio(self.cost.soft(sizes), budget, keys.form)
        return loss, ({**rest, "search": memory}, metrics)

    def _draw_budget(self, key: jax.Array) -> jax.Array:
        """The budget of one step: between the least and the most, evenly in its logarithm."""
        ends = jnp.log(jnp.asarray([min(self.budgets), max(self.budgets)], jnp.float32))
        return jnp.exp(ends[0] + (ends[1] - ends[0]) * jax.random.uniform(key))

    def _remember(self, memory: Any, sizes: jax.Array, step: jax.Array) -> Any:
        rounded = nearest_odd(sizes).astype(jnp.int32)
        changed = (rounded != memory["rounded"]).any()
        since = jnp.where(changed, step, memory["changed_at"]).astype(jnp.int32)
        return {"rounded": rounded, "changed_at": since}

    def _steps(self, name: str) -> int | None:
        return self.keys.steps(name, self.config, self.split.num_examples)

    def predict(self, params: Params, model_state: Any, batch: Batch) -> jax.Array:
        """Logits [B, K] of the network with soft windows at the first budget."""
        rest = {name: state for name, state in model_state.items() if name != "search"}
        with self.network(params, self.soft_sizes(params, self.budgets[0])) as network:
            return super().predict(network, rest, batch)

    def done(self, state: TrainState) -> bool:
        patience = self._steps("settled")
        if patience is None:
            return False
        # the sizes' own motion begins after both of these
        begun = max(self._steps("hold"), self._steps("warmup"))
        since = max(begun, int(state.model_state["search"]["changed_at"]))
        return int(state.step) - since >= patience

    def facts(self, params: Params, batch: Batch) -> dict[str, Any]:
        height, width = batch["image"].shape[1:3]
        return {"macs": models.cost(self.model, (height, width, 3)).macs}

    def finish(self, state: TrainState, workdir: Path) -> None:
        from effjax.search.kernel_sizes.found import export

        export(self, state, workdir)


def soft_pool_minus_input(x: jax.Array, window: jax.Array) -> jax.Array:
    """The weighted average of the in-image cells of a `window` [I, J], minus x [B, H, W, C].

    With a box it is `effjax.ops.pool_minus_input`.
    """
    kernel = window[:, :, None, None].astype(x.dtype)
    weights = depthwise_conv(jnp.ones((1, *x.shape[1:3], 1), x.dtype), kernel)
    total = depthwise_conv(x, jnp.broadcast_to(kernel, (*window.shape, 1, x.shape[-1])))
    return total / weights - x
