"""The elastic network: every sub-network as a function of one set of weights.

Two ways to the same logits. `extracted` cuts the arrays of one sub-network out, which is then an
ordinary network. `masked` keeps all shapes and takes the point as an array, so that one compiled
program serves every sub-network: what a narrow network has not is 0, norms look at the channels
that there are, and blocks beyond the depth are passed by.

The parameters are those of the large network, beside them the matrices of small kernels under
"elastic_kernels". Which channels a width keeps is said by ranks, so that they are sorted without
being moved.

Shapes: N channels of a group, P choices of a point.
"""

import contextlib
import dataclasses
import functools
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.compress.elastic.axes import Axis, Group, axes_of
from effjax.compress.elastic.kernels import chosen_kernel, every_size, identity_matrices
from effjax.compress.elastic.passing import norms_and_blocks
from effjax.compress.elastic.space import ElasticSpace, Extent, windows_of
from effjax.compress.elastic.windows import elastic_windows
from effjax.compress.sites import flat, nested
from effjax.contract import Params
from effjax.models import ImageModel, abstract_variables, without_tag
from effjax.search.points import Point

KERNELS = "elastic_kernels"
Ranks = Mapping[str, Any]  # {group: [N]}
Arrays = dict[str, Any]  # {path: array}


class Supernet:
    """An elastic network.

    Args:
      model: the large network.
      name: its registered name.
      extent: how far it may shrink.
      image_shape: of an image [H, W, C].

    Raises:
      UserError: a family that cannot be elastic, or nothing that can shrink.

    Attributes:
      space: of its sub-networks.
      groups, axes: its channels, and the axes of arrays that have entries for them.
      sizes: {group: channels of each part}.
      counts: {group: how many of each part stay, [options of each of its choices, parts]}.
      windows: kernels that may be smaller.
      shapes: {path: shape} of all arrays of the large network.
    """

    def __init__(
        self,
        model: ImageModel,
        name: str,
        extent: Extent,
        image_shape: tuple[int, int, int],
    ):
        # a scan hides its blocks from what passes them by
        if getattr(model.architecture, "scan", False):
            architecture = dataclasses.replace(model.architecture, scan=False)
            model = model.clone(architecture=architecture)
        self.model = model
        self.image_shape = image_shape
        windows = windows_of(model, extent.kernels)
        self.space = ElasticSpace(without_tag(name), model.architecture, extent, windows)
        self.shapes = flat(abstract_variables(model, image_shape))
        self.groups, self.axes = axes_of(model, self.shapes.keys())
        self.sizes = {group.name: group.sizes(model.architecture) for group in self.groups}
        self.windows = elastic_windows(model, self.space, self.shapes)
        self.counts = {group.name: self._table(group) for group in self.groups}

    def _table(self, group: Group) -> np.ndarray:
        """How many channels of each part stay, [options of each of its choices, parts]."""
        places = self.choices_of(group)
        options = [range(len(self.space.choices[place].options)) for place in places]
        rows = []
        for indices in itertools.product(*options):
            point = list(self.space.largest)
            for place, index in zip(places, indices):
                point[place] = index
            rows.append(group.sizes(self.space.decode(tuple(point))))
        shape = [len(option) for option in options]
        return np.asarray(rows, np.int32).reshape(*shape, -1)

    def choices_of(self, group: Group) -> list[int]:
        """Places of the group's choices in a point."""
        return [self.space.place[path] for path in group.choices if path in self.space.place]

    # ------------------------------------------------------------------------------ parameters

    def matrices(self) -> Params:
        """Fresh matrices of all windows, as a tree like that of the network."""
        found = {}
        for window in self.windows:
            whole = self.shapes[f"params/{window.path}/kernel"].shape[:2]
            for name, matrix in identity_matrices(window.sizes, whole).items():
                found[f"{window.path}/{name}"] = matrix
        return nested(found)

    def fresh_ranks(self) -> dict[str, np.ndarray]:
        """Channels in the order in which they stand."""
        found = {}
        for group in self.groups:
            parts = [np.arange(size, dtype=np.int32) for size in self.sizes[group.name]]
            found[group.name] = np.concatenate(parts)
        return found

    # ---------------------------------------------------------------------- what a point keeps

    def active(
        self,
        point: Any,
        ranks: Ranks,
    ) -> dict[str, jax.Array]:
        """{group: bool [N]}: the channels that a point keeps; it may be traced."""
        found = {}
        for group in self.groups:
            places = self.choices_of(group)
            counts = jnp.asarray(self.counts[group.name])[tuple(point[p] for p in places)]
            of_channel = jnp.repeat(
                counts,
                np.asarray(self.sizes[group.name]),
                total_repeat_length=sum(self.sizes[group.name]),
            )
            found[group.name] = jnp.asarray(ranks[group.name]) < of_channel
        return found

    def _entries(
        self,
        axis: Axis,
        active: Mapping[str, Any],
    ) -> jax.Array:
        """bool: which entries of an axis a point keeps."""
        channels = active[axis.group]
        if axis.part is not None:
            sizes = self.sizes[axis.group]
            start = sum(sizes[: axis.part])
            channels = channels[start : start + sizes[axis.part]]
        return jnp.tile(jnp.repeat(channels, axis.unit), axis.repeats)

    @functools.cached_property
    def axes_of_path(self) -> dict[str, list[Axis]]:
        """{path of an array: its axes}."""
        found: dict[str, list[Axis]] = {}
        for axis in self.axes:
            found.setdefault(axis.path, []).append(axis)
        return found

    # --------------------------------------------------------------------------------- masked

    def masked(
        self,
        params: Params,
        ranks: Ranks,
        point: Any,
    ) -> Params:
        """Parameters of the large network in which all that a point has not is 0.

        To be applied inside of `passing`.

        Args:
          params: with the matrices of kernels.
          point: int [P], it may be traced.
        """
        network, matrices = without_kernels(params)
        arrays = flat({"params": network})
        for window in self.windows:
            path = f"params/{window.path}/kernel"
            own = _at(matrices, window.path)
            choice = point[self.space.place[window.choice]]
            arrays[path] = chosen_kernel(arrays[path], own, window.sizes, choice)
        active = self.active(point, ranks)
        for path, axes in self.axes_of_path.items():
            if path not in arrays:
                continue  # statistics: what is scaled by 0 has none that matter
            for axis in axes:
                kept = self._entries(axis, active).astype(arrays[path].dtype)
                shape = [1] * arrays[path].ndim
                shape[axis.axis] = -1
                arrays[path] = arrays[path] * kept.reshape(shape)
        return nested(arrays)["params"]

    @contextlib.contextmanager
    def passing(
        self,
        ranks: Ranks,
        point: Any,
    ) -> Iterator[None]:
        """Inside, the large network has the norms and the depth of a point."""
        active = self.active(point, ranks)
        norms = {}
        for axis in self.axes:
            if axis.path.endswith("/scale"):
                layer = axis.path.removeprefix("params/").removesuffix("/scale")
                norms[layer] = active[axis.group]
        blocks = self._blocks(point)
        with norms_and_blocks(norms, blocks):
            yield

    def _blocks(self, point: Any) -> dict[str, Any]:
        """{path of a block that may be missing: whether it is there}."""
        found = {}
        for stage, depth in enumerate(self.model.stage_depths()):
            choice = f"depths.{stage}"
            if choice not in self.space.place:
                continue
            place = self.space.place[choice]
            options = jnp.asarray(self.space.choices[place].options)
            for block in range(depth):
                path = "/".join(self.model.layout.block_path(stage, block))
                found[path] = block < options[point[place]]
        return found

    # ------------------------------------------------------------------------------- extracted

    def extracted(
        self,
        params: Params,
        model_state: Any,
        ranks: Ranks,
        point: Point,
    ) -> tuple[ImageModel, Any]:
        """The network of a point, and its variables; differentiable in the parameters.

        Args:
          params: with the matrices of kernels.
          model_state: of the large network; batch statistics are cut, not made anew.
        """
        network, matrices = without_kernels(params)
        architecture = self.space.decode(point)
        model = self.model.clone(architecture=architecture)
        arrays = flat({"params": network, **model_state})
        for window in self.windows:
            path = f"params/{window.path}/kernel"
            size = self.space.option(point, window.choice, max(window.sizes))
            every = every_size(arrays[path], _at(matrices, window.path), window.sizes)
            arrays[path] = every[size]
        active = self.active(point, ranks)
        wanted = flat(abstract_variables(model, self.image_shape))
        found = {}
        for path, shape in wanted.items():
            array = arrays[path]
            for axis in self.axes_of_path.get(path, ()):
                kept = self._entries(axis, active)
                count = shape.shape[axis.axis]
                # static: how many there are is known, which ones may be traced
                indices = jnp.nonzero(kept, size=count)[0]
                array = jnp.take(array, indices, axis=axis.axis)
            found[path] = array
        return model, nested(found)


def without_kernels(params: Params) -> tuple[Params, Params]:
    """(the parameters of the network, the matrices of its small kernels)."""
    network = {name: part for name, part in params.items() if name != KERNELS}
    return network, params.get(KERNELS, {})


def _at(
    tree: Params,
    path: str,
) -> Any:
    for name in path.split("/"):
        tree = tree[name]
    return tree
