"""Where in a network window sizes can be learned, and how they are written into its architecture.

Sizes are counted over all sites: a site has one (a square, or a band) or two (height and width).

Shapes: S sizes of all sites, I J taps of a site's largest window.
"""

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from effjax.errors import UserError
from effjax.models import ImageModel
from effjax.models.architecture import Window, entry_of_block, set_per_block, sides
from effjax.models.blocks.mixers import Pooling

Axis = Literal["square", "high", "wide"]


@dataclasses.dataclass(frozen=True)
class Site:
    """An operator whose window is learned.

    Attributes:
      path: of its module in the network.
      kind: a depthwise convolution, or PoolFormer's pooling, which has no parameters.
      axes: what each of its sizes measures: ("square",), ("high",), ("wide",), ("high", "wide").
      largest: for each size the largest that it may take, odd.
      given: for each size what the architecture has.
      height, width, channels: of its input.
      window: where the architecture holds its sizes; None for a site outside of a network.
    """

    path: tuple[str, ...]
    kind: Literal["depthwise", "pooling"]
    axes: tuple[Axis, ...]
    largest: tuple[int, ...]
    given: tuple[int, ...]
    height: int
    width: int
    channels: int
    window: Window | None = None

    @property
    def name(self) -> str:
        """ "stages_0.blocks_1.token_mixer.dwconv"."""
        return ".".join(self.path)

    def sides(self, sizes: Sequence[Any]) -> tuple[Any, Any]:
        """(rows, columns) of a window with these sizes; a band has one row or one column."""
        by_axis = dict(zip(self.axes, sizes))
        square = by_axis.get("square", 1)
        return by_axis.get("high", square), by_axis.get("wide", square)

    def rings(self) -> list[np.ndarray]:
        """For each size the ring of every tap of the largest window, float32 [I, J].

        A tap's ring is its distance from the middle, in taps, along what the size measures.
        """
        rows, columns = self.sides(self.largest)
        down = np.abs(np.arange(rows) - rows // 2)[:, None]
        across = np.abs(np.arange(columns) - columns // 2)[None]
        down, across = np.broadcast_arrays(down, across)
        of_axis = {
            "square": np.maximum(down, across),  # a square window is a ball of this distance
            "high": down,
            "wide": across,
        }
        return [of_axis[axis].astype(np.float32) for axis in self.axes]

    def mask(
        self,
        form: Callable[..., jax.Array],
        sizes: jax.Array,
    ) -> jax.Array:
        """[I, J]: the product of the masks of its sizes."""
        masks = [form(rings, size) for rings, size in zip(self.rings(), sizes)]
        return jnp.prod(jnp.stack(masks), axis=0)


class Sizes:
    """Where the sizes of each site stand in the vector of all sizes [S].

    Attributes:
      sites: in the order of the network.
      largest: int32 [S].
      site_of: for each size the number of its site.
      spans: for each site its slice of [S].
      names: of the sizes: the site's, with ".high" or ".wide" where it has two.
    """

    def __init__(self, sites: Sequence[Site]):
        self.sites = tuple(sites)
        self.largest = np.asarray([size for site in sites for size in site.largest], np.int32)
        self.site_of = tuple(n for n, site in enumerate(sites) for _ in site.axes)
        self.spans: list[slice] = []
        self.names: list[str] = []
        start = 0
        for site in sites:
            end = start + len(site.axes)
            self.spans.append(slice(start, end))
            start = end
            for axis in site.axes:
                suffix = "" if axis == "square" else f".{axis}"
                self.names.append(f"{site.name}{suffix}")

    def places(self, n: int) -> range:
        """Where the sizes of site n stand in [S]."""
        span = self.spans[n]
        return range(span.start, span.stop)

    def split(self, sizes: Any) -> list[Any]:
        """[S] -> for each site its sizes."""
        return [sizes[span] for span in self.spans]

    def uniform(self, size: int) -> np.ndarray:
        """[S]: one size everywhere, as far as a site can have it."""
        return np.minimum(self.largest, size)


# ------------------------------------------------------------------------- sites of a network


def find_sites(
    model: ImageModel,
    input_shape: tuple[int, int, int],
    where: str,
    max_size: int,
    separable: bool = False,
) -> list[Site]:
    """The operators of `model` whose path matches the regex `where`, in the order of the network.

    Args:
      input_shape: of an image, [H, W, C].
      where: searched for in paths such as "stages_0.blocks_1.token_mixer.dwconv".
      max_size: the largest window; on a small map 2 * side - 1 at most, what reaches every pixel.
      separable: square convolutions get a height and a width.

    Raises:
      UserError: an even size, a wrong pattern, or no operator that matches.
    """
    if max_size < 3 or max_size % 2 == 0:
        raise UserError(f"config.task.max_size = {max_size}; give an odd size from 3 on")
    try:
        pattern = re.compile(where)
    except re.error as error:
        raise UserError(f"config.task.where = {where!r} is not a pattern: {error}") from None
    windows = {window.path: window for window in model.windows()}
    every = [
        _site(windows[path], module, shape, model.architecture, max_size, separable)
        for path, (module, shape) in _calls(model, input_shape, set(windows)).items()
    ]
    found = [site for site in every if pattern.search(site.name)]
    if not found:
        listed = [site.name for site in every[:4]] or ["none"]
        more = ", ..." if len(every) > 4 else ""
        raise UserError(
            f"config.task.where = {where!r} matches no depthwise convolution or pooling\n"
            f"the network has: {', '.join(listed)}{more}"
        )
    return found


def _calls(
    model: ImageModel,
    input_shape: tuple[int, int, int],
    paths: set[tuple[str, ...]],
) -> dict[tuple[str, ...], tuple[nn.Module, tuple[int, ...]]]:
    """{path: (module, shape of its input)} in the order in which the network calls them."""
    calls = {}

    def watch(
        call: Callable,
        args: tuple,
        kwargs: dict,
        context: Any,
    ) -> Any:
        path = context.module.path
        if context.method_name == "__call__" and path in paths:
            calls.setdefault(path, (context.module, args[0].shape))
        return call(*args, **kwargs)

    # shapes alone are asked for: nothing is computed
    images = jax.ShapeDtypeStruct((1, *input_shape), jnp.float32)
    with nn.intercept_methods(watch):
        jax.eval_shape(model.init, jax.random.key(0), images)
    return calls


def _site(
    window: Window,
    module: nn.Module,
    shape: tuple[int, ...],
    architecture: Any,
    max_size: int,
    separable: bool,
) -> Site:
    """The site of a module that takes an input of `shape` [B, H, W, C]."""
    _, height, width, channels = shape
    is_pooling = isinstance(module, Pooling)
    high, wide = sides(entry_of_block(architecture, window))
    # a window of 2 * side - 1 reaches every pixel from every pixel
    reach = {
        "high": 2 * height - 1,
        "wide": 2 * width - 1,
        "square": 2 * min(height, width) - 1,
    }
    axes: tuple[Axis, ...]
    if window.side != "both":
        axes = (window.side,)
    elif not is_pooling and (separable or high != wide):
        axes = ("high", "wide")
    else:
        axes = ("square",)
    given = {"square": high, "high": high, "wide": wide}
    return Site(
        path=window.path,
        kind="pooling" if is_pooling else "depthwise",
        axes=axes,
        largest=tuple(min(max_size, reach[axis]) for axis in axes),
        given=tuple(given[axis] for axis in axes),
        height=height,
        width=width,
        channels=channels,
        window=window,
    )


# ------------------------------------------------------------------- sizes in an architecture


def with_sizes(
    architecture: Any,
    sites: Sequence[Site],
    sizes: Sequence[Sequence[int]],
) -> Any:
    """`architecture` with the windows of `sites` set to `sizes`, the others as they were."""
    for site, chosen in zip(sites, sizes, strict=True):
        old = entry_of_block(architecture, site.window)
        new = _entry(site, old, [int(size) for size in chosen])
        architecture = set_per_block(architecture, site.window, new)
    return architecture


def _entry(
    site: Site,
    old: int | tuple[int, int],
    sizes: list[int],
) -> int | tuple[int, int]:
    """A field's entry for one block: a size, or (height, width) where they differ."""
    high, wide = sides(old)
    by_axis = dict(zip(site.axes, sizes))
    if "square" in by_axis:
        return by_axis["square"]
    high = by_axis.get("high", high)
    wide = by_axis.get("wide", wide)
    return high if high == wide else (high, wide)
