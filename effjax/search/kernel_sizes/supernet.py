"""The network with the largest window at every site, and what says how much of each counts.

Its parameters are {"network", "sizes", "kernels"}: the network without its searched kernels, the
size predictor's, and the kernels (or the kernel predictor's).

Shapes: B batch, H W space, S sizes, I J taps of a site's largest window, C channels.
"""

import contextlib
import functools
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.core import unfreeze
from flax.traverse_util import flatten_dict, unflatten_dict

from effjax.contract import Params
from effjax.costs import Budget, CostModel, shift_to
from effjax.errors import UserError
from effjax.models import ImageModel
from effjax.models.blocks.mixers import Pooling
from effjax.ops import depthwise_conv
from effjax.search.kernel_sizes.cost import make_cost
from effjax.search.kernel_sizes.masks import MASKS, outer_odd
from effjax.search.kernel_sizes.options import SearchConfig
from effjax.search.kernel_sizes.predictors import (
    FreeSizes,
    KernelPredictor,
    SizePredictor,
    assemble,
    to_sizes,
)
from effjax.search.kernel_sizes.sites import Sizes, find_sites, with_sizes

REMEDY = "give config.task.budget or budget_sizes in that range, or another max_size"


class Supernet:
    """A network whose windows have real-valued sizes under a budget.

    Args:
      given: the network with the sizes that its config gives.
      image_shape: of an image, [H, W, C].
      keys: what `config.task` says.

    Raises:
      UserError: no operator of the network matches `keys.where`.
    """

    def __init__(
        self,
        given: ImageModel,
        image_shape: tuple[int, int, int],
        keys: SearchConfig,
    ):
        self.given = given
        self.image_shape = image_shape
        self.keys = keys
        self.mask = MASKS[keys.mask]
        sites = find_sites(given, image_shape, keys.where, keys.max_size, keys.separable)
        self.sizes = Sizes(sites)
        # pooling has a window, but no kernel
        self.kernel_sites = [n for n, site in enumerate(sites) if site.kind == "depthwise"]

    # ------------------------------------------------------------------- networks and their costs

    @functools.cached_property
    def model(self) -> ImageModel:
        """The network with the largest window at every site."""
        return self.with_sizes(self.sizes.largest)

    def with_sizes(self, sizes: Any) -> ImageModel:
        """The network with odd sizes [S]."""
        of_site = self.sizes.split(list(sizes))
        architecture = with_sizes(self.given.architecture, self.sizes.sites, of_site)
        return self.given.clone(architecture=architecture)

    @functools.cached_property
    def given_sizes(self) -> list[int]:
        """[S]: the sizes that the config gives, as far as a site can have them."""
        given = []
        for site in self.sizes.sites:
            for size, most in zip(site.given, site.largest):
                given.append(min(size, most))
        return given

    @functools.cached_property
    def cost(self) -> CostModel:
        """What sizes cost."""
        return make_cost(self.keys, self.sizes, self.model, self.image_shape)

    @functools.cached_property
    def budgets(self) -> tuple[float, ...]:
        """The budgets at which sizes are read off, the one that is reported first.

        Raises:
          UserError: one of them cannot be met.
        """
        least, most = self.cost.reachable
        # parameters and multiply-adds of pooling windows: no size would ever be preferred
        if most <= least:
            raise UserError(
                f"config.task.cost = {self.keys.cost!r} does not depend on these sizes: "
                "pooling has no parameters\n"
                "and no multiply-adds; give --config.task.cost=latency with a table"
            )
        choices = f"sizes from 1 to {max(self.sizes.largest)}"
        limits = self._limits()
        for limit in limits:
            Budget(self.keys.cost, limit).check_reachable(least, most, choices, REMEDY)
        return limits

    def _limits(self) -> tuple[float, ...]:
        if self.keys.budget is None:
            every = [self.sizes.uniform(size) for size in self.keys.budget_sizes]
            return tuple(self.cost.exact(sizes) for sizes in every)
        reference = self.cost.exact(self.given_sizes)
        budget = Budget(self.keys.cost, self.keys.budget).relative_to(reference)
        return (budget.limit,)

    # ------------------------------------------------------------------------------- parameters

    @functools.cached_property
    def size_predictor(self) -> nn.Module:
        """Gives the logits of all sizes."""
        if self.keys.sizes == "free":
            return FreeSizes(len(self.sizes.largest))
        return SizePredictor(self.sizes.site_of, conditional=len(self.budgets) > 1)

    @functools.cached_property
    def kernel_predictor(self) -> KernelPredictor | None:
        """Gives the kernels; None where they are the network's own at the largest size."""
        if self.keys.kernels == "superkernel" or not self.kernel_sites:
            return None
        return KernelPredictor(tuple(self.sizes.sites[n] for n in self.kernel_sites))

    def init(
        self,
        network: Params,
        sizes_key: jax.Array,
        kernels_key: jax.Array,
    ) -> Params:
        """Fresh parameters, given those of `model`."""
        rest, kernels = self.take_kernels(network)
        sizes = self.size_predictor.init(sizes_key, jnp.zeros(()))["params"]
        if self.kernel_predictor is not None:
            # the values do not matter: parameters depend on shapes alone
            rounded = [jnp.asarray(self.sizes.sites[n].largest) for n in self.kernel_sites]
            kernels = self.kernel_predictor.init(kernels_key, rounded)["params"]
        return {"network": rest, "sizes": sizes, "kernels": kernels}

    def take_kernels(self, network: Params) -> tuple[Params, dict[str, jax.Array]]:
        """Parameters of `model` -> (those without the searched kernels, {site: kernel})."""
        flat = flatten_dict(unfreeze(network))
        kernels = {}
        for path in self._kernel_paths():
            site = ".".join(path[:-1])  # without "kernel"
            kernels[site] = flat.pop(path)
        return unflatten_dict(flat), kernels

    def insert_kernels(
        self,
        params: Params,
        kernels: Sequence[jax.Array],
    ) -> Params:
        """Parameters of `model` with these kernels [I, J, 1, C] at the sites that have some."""
        flat = flatten_dict(unfreeze(params["network"]))
        flat |= dict(zip(self._kernel_paths(), kernels, strict=True))
        return unflatten_dict(flat)

    def _kernel_paths(self) -> list[tuple[str, ...]]:
        return [(*self.sizes.sites[n].path, "kernel") for n in self.kernel_sites]

    def kernel_places(self) -> dict[str, str]:
        """{path of a kernel in the parameters here: its path in those of `model`}."""
        names = [self.sizes.sites[n].name for n in self.kernel_sites]
        paths = ["/".join(path) for path in self._kernel_paths()]
        return {f"kernels/{name}": path for name, path in zip(names, paths)}

    def kernels(
        self,
        params: Params,
        sizes: Sequence[jax.Array] = (),
    ) -> list[jax.Array]:
        """Kernels w [I, J, 1, C] before the mask; `sizes` of each are for a kernel predictor."""
        if self.kernel_predictor is None:
            names = [self.sizes.sites[n].name for n in self.kernel_sites]
            return [params["kernels"][name] for name in names]
        # rounded outwards, so that the ring that counts in part has a weight too
        rounded = [outer_odd(size) for size in sizes]
        return self.kernel_predictor.apply({"params": params["kernels"]}, rounded)

    # ---------------------------------------------------------------------------- soft networks

    def soft_sizes(
        self,
        params: Params,
        budget: jax.Array | float,
        share: jax.Array | float = 1.0,
    ) -> jax.Array:
        """Real-valued sizes [S] for a budget.

        With form="projected" they cost exactly the budget; at a `share` below 1 their cost lies so
        far on the way from the cost at the start to the budget, evenly in its logarithm.
        """
        # a predictor for several budgets is told which one is wanted
        relative = jnp.log(budget / self.cost.exact(self.sizes.largest))
        logits = self.size_predictor.apply({"params": params["sizes"]}, relative)
        if self.keys.form != "projected":
            return self._to_sizes(logits)
        at_start = self.cost.soft(self._to_sizes(jnp.zeros_like(logits)))
        # the geometric mean of both ends, with weights share and 1 - share
        target = budget**share * at_start ** (1 - share)
        return self._project(logits, target)

    def even_sizes(self, cost: jax.Array | float) -> jax.Array:
        """Real-valued sizes [S] of this cost with equal logits: no size is preferred."""
        return self._project(jnp.zeros(len(self.sizes.largest)), cost)

    def _project(
        self,
        logits: jax.Array,
        cost: jax.Array | float,
    ) -> jax.Array:
        """The sizes of shifted logits that have a cost."""

        def shifted_cost(shift: jax.Array) -> jax.Array:
            return self.cost.soft(self._to_sizes(logits + shift))

        shift = shift_to(shifted_cost, cost)
        return self._to_sizes(logits + shift)

    def _to_sizes(self, logits: jax.Array) -> jax.Array:
        return to_sizes(logits, largest=self.sizes.largest, start=self.keys.start)

    def masked_kernels(
        self,
        params: Params,
        sizes: jax.Array,
    ) -> list[jax.Array]:
        """m(v) * w [I, J, 1, C] of every site with kernels."""
        every = self.sizes.split(sizes)
        sites = [self.sizes.sites[n] for n in self.kernel_sites]
        own_sizes = [every[n] for n in self.kernel_sites]
        kernels = self.kernels(params, own_sizes)
        return assemble(sites, kernels, own_sizes, self.mask)

    @contextlib.contextmanager
    def network(
        self,
        params: Params,
        sizes: jax.Array,
    ) -> Iterator[Params]:
        """Parameters of `model` with masked kernels; inside, pooling has soft windows."""
        windows = {}
        for site, size in zip(self.sizes.sites, self.sizes.split(sizes)):
            if site.kind == "pooling":
                windows[site.path] = site.mask(self.mask, size)

        def pool_softly(
            call: Any,
            args: tuple,
            kwargs: dict,
            context: Any,
        ) -> Any:
            window = windows.get(context.module.path)
            if window is None or not isinstance(context.module, Pooling):
                return call(*args, **kwargs)
            return soft_pool_minus_input(args[0], window)

        kernels = self.masked_kernels(params, sizes)
        # an interceptor costs time at each call of each module while tracing
        intercept = nn.intercept_methods(pool_softly) if windows else contextlib.nullcontext()
        with intercept:
            yield self.insert_kernels(params, kernels)


def soft_pool_minus_input(
    x: jax.Array,
    window: jax.Array,
) -> jax.Array:
    """The weighted average of the in-image cells of a `window` [I, J], minus x [B, H, W, C].

    With a box it is `effjax.ops.pool_minus_input`.
    """
    kernel = window[:, :, None, None].astype(x.dtype)
    of_channels = jnp.broadcast_to(kernel, (*window.shape, 1, x.shape[-1]))
    total = depthwise_conv(x, of_channels)
    # at the border part of the window lies outside of the image: the weights that lie inside
    inside = jnp.ones((1, *x.shape[1:3], 1), x.dtype)
    weights = depthwise_conv(inside, kernel)
    return total / weights - x
