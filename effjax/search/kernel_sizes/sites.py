"""Where in a network window sizes can be learned, and how they are written into its architecture.

Sizes are counted over all sites: a site has one (a square, or a band) or two (height and width).
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
from effjax.models.blocks.layers import DepthwiseConv
from effjax.models.blocks.mixers import Pooling

Axis = Literal["square", "high", "wide"]
# module name -> field of the architecture that holds its size; bands: (height, width) of a pair
FIELDS = {
    "dwconv": "kernel_sizes",
    "conv_dw": "kernel_sizes",
    "token_mixer": "kernel_sizes",
    "dwconv_hw": "square_kernels",
    "dwconv_h": "band_kernels",
    "dwconv_w": "band_kernels",
}


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
    """

    path: tuple[str, ...]
    kind: Literal["depthwise", "pooling"]
    axes: tuple[Axis, ...]
    largest: tuple[int, ...]
    given: tuple[int, ...]
    height: int
    width: int
    channels: int

    @property
    def name(self) -> str:
        """ "stages_0.blocks_1.token_mixer.dwconv"."""
        return ".".join(self.path)

    def sides(self, sizes: Sequence[Any]) -> tuple[Any, Any]:
        """(rows, columns) of a window with these sizes."""
        by_axis = dict(zip(self.axes, sizes))
        square = by_axis.get("square", 1)
        return by_axis.get("high", square), by_axis.get("wide", square)

    def rings(self) -> list[np.ndarray]:
        """For each size the ring of every tap of the largest window, float32 [I, J]."""
        rows, columns = self.sides(self.largest)
        i = np.abs(np.arange(rows) - rows // 2)[:, None] + np.zeros((1, columns))
        j = np.abs(np.arange(columns) - columns // 2)[None] + np.zeros((rows, 1))
        of_axis = {"square": np.maximum(i, j), "high": i, "wide": j}
        return [of_axis[axis].astype(np.float32) for axis in self.axes]

    def mask(self, form: Callable[..., jax.Array], sizes: jax.Array) -> jax.Array:
        """[I, J]: the product of the masks of its sizes."""
        return jnp.prod(jnp.stack([form(r, v) for r, v in zip(self.rings(), sizes)]), axis=0)


class Sizes:
    """Where the sizes of each site stand in the vector of all sizes [S]."""

    def __init__(self, sites: Sequence[Site]):
        ends = np.cumsum([len(site.axes) for site in sites]).tolist()
        self.sites = tuple(sites)
        self.largest = np.asarray([k for site in sites for k in site.largest], np.int32)
        self.site_of = tuple(n for n, site in enumerate(sites) for _ in site.axes)
        self.spans = [slice(end - len(site.axes), end) for site, end in zip(sites, ends)]
        self.names = [
            site.name if axis == "square" else f"{site.name}.{axis}"
            for site in sites
            for axis in site.axes
        ]

    def split(self, sizes: Any) -> list[Any]:
        """[S] -> for each site its sizes."""
        return [sizes[span] for span in self.spans]

    def uniform(self, size: int) -> np.ndarray:
        """[S]: one size everywhere, as far as a site can have it."""
        return np.minimum(self.largest, size)


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
    every = [
        _site(path, module, shape, max_size, separable)
        for path, module, shape in _operators(model, input_shape)
    ]
    found = [site for site in every if pattern.search(site.name)]
    if not found:
        names = ", ".join(site.name for site in every[:4]) or "none"
        raise UserError(
            f"config.task.where = {where!r} matches no depthwise convolution or pooling\n"
            f"the network has: {names}{', ...' if len(every) > 4 else ''}"
        )
    return found


def _operators(model: ImageModel, input_shape: tuple[int, int, int]) -> list[tuple]:
    """(path, module, shape of its input) of every operator with a window."""
    calls = []

    def watch(call: Callable, args: tuple, kwargs: dict, context: Any) -> Any:
        module = context.module
        if context.method_name == "__call__" and isinstance(module, DepthwiseConv | Pooling):
            calls.append((module.path, module, args[0].shape))
        return call(*args, **kwargs)

    images = jax.ShapeDtypeStruct((1, *input_shape), jnp.float32)
    with nn.intercept_methods(watch):
        jax.eval_shape(model.init, jax.random.key(0), images)
    return list({path: (path, module, shape) for path, module, shape in calls}.values())


def _site(path: tuple[str, ...], module: Any, shape: tuple, most: int, separable: bool) -> Site:
    _, height, width, channels = shape
    reach = {"high": 2 * height - 1, "wide": 2 * width - 1, "square": 2 * min(height, width) - 1}
    if isinstance(module, Pooling):
        kind, axes, given = "pooling", ("square",), (module.kernel_size,)
    else:
        kind, (rows, columns) = "depthwise", module.kernel
        if rows > 1 and columns > 1:
            both = separable or rows != columns
            axes = ("high", "wide") if both else ("square",)
            given = (rows, columns) if both else (rows,)
        else:
            band = "wide" if columns > 1 or path[-1] == "dwconv_w" else "high"
            axes, given = (band,), (max(rows, columns),)
    return Site(
        path=tuple(path),
        kind=kind,
        axes=axes,
        largest=tuple(min(most, reach[axis]) for axis in axes),
        given=given,
        height=height,
        width=width,
        channels=channels,
    )


def with_sizes(architecture: Any, sites: Sequence[Site], sizes: Sequence[Sequence[int]]) -> Any:
    """`architecture` with the windows of `sites` set to `sizes`, the others as they were.

    Raises:
      UserError: a site of a family that has no field for its size.
    """
    entries: dict[str, list[list[Any]]] = {}
    for site, chosen in zip(sites, sizes, strict=True):
        field = FIELDS.get(site.path[-1])
        place = re.match(r"stages_(\d+)\.blocks_(\d+)\.", site.name)
        if field is None or place is None or not hasattr(architecture, field):
            raise UserError(
                f"{site.name} of a {type(architecture).__name__} has no field for its size;\n"
                "leave it out with config.task.where"
            )
        if field not in entries:
            depths = architecture.depths
            entries[field] = [
                list(entry) if isinstance(entry, tuple) else [entry] * depth
                for entry, depth in zip(getattr(architecture, field), depths)
            ]
        stage, block = map(int, place.groups())
        old = entries[field][stage][block]
        entries[field][stage][block] = _entry(site, old, [int(size) for size in chosen])
    changed = {field: tuple(map(tuple, stages)) for field, stages in entries.items()}
    return dataclasses.replace(architecture, **changed)


def _entry(site: Site, old: int | tuple[int, int], sizes: list[int]) -> int | tuple[int, int]:
    """A field's entry for one block: a size, or (height, width) where they differ."""
    high, wide = old if isinstance(old, tuple) else (old, old)
    by_axis = dict(zip(site.axes, sizes))
    square = by_axis.get("square")
    high, wide = by_axis.get("high", square or high), by_axis.get("wide", square or wide)
    return high if high == wide else (high, wide)
