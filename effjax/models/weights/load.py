"""Put published weights into the variables of a model, strictly, and say what was done."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from effjax.errors import UserError
from effjax.models.base import ImageModel
from effjax.models.registry import abstract_variables
from effjax.models.weights.convert import (
    Variables,
    check_complete,
    is_classifier,
    match,
    table_of,
    to_torch,
    wrong_shape,
)
from effjax.models.weights.fetch import fetch
from effjax.models.weights.files import read_state, write_state


@dataclasses.dataclass
class Report:
    """What became of each tensor, by the names in the file.

    Attributes:
        loaded: taken as they are.
        resized: position maps, interpolated to another image size.
        adapted: first layers fitted to another number of channels, classifiers to `classes`.
        replaced: classifiers of another number of classes; the model keeps its fresh ones.
        left_out: not taken, because `ignore` names them or the model has no classifier.
    """

    loaded: list[str] = dataclasses.field(default_factory=list)
    resized: list[str] = dataclasses.field(default_factory=list)
    adapted: list[str] = dataclasses.field(default_factory=list)
    replaced: list[str] = dataclasses.field(default_factory=list)
    left_out: list[str] = dataclasses.field(default_factory=list)

    def __str__(self) -> str:
        parts = [f"{len(self.loaded)} tensors loaded"]
        for kind in ("resized", "adapted", "replaced", "left_out"):
            if names := getattr(self, kind):
                parts.append(f"{len(names)} {kind.replace('_', ' ')} ({', '.join(names)})")
        return "; ".join(parts)


def load_weights(
    model: ImageModel,
    variables: Variables,
    source: str | Path | Mapping[str, np.ndarray],
    ignore: Sequence[str] = (),
    rename: Mapping[str, str] | None = None,
    classes: Sequence[int] | None = None,
) -> tuple[dict[str, Any], Report]:
    """`variables` with the weights of a file, and a report.

    Args:
        model: what the variables belong to.
        variables: as `model.init` returns them; they give shapes, dtypes and what is not loaded.
        source: a `.safetensors` or `.pth` file, a published name, "hub:..." (see `fetch`), or a
            state dict.
        ignore: patterns of names (in the file or timm's) that need not be loaded.
        rename: {pattern: replacement} that is applied to the names in the file first.
        classes: for each class of the model the class of the file whose classifier row it starts
            from, -1 for the mean of all rows; as ImageNet-21k weights are fine-tuned on 1k.

    Position maps are resized, a classifier with another class count is left fresh, the first layer
    is fitted to `in_chans`. Raises UserError for any other tensor that is missing, not used or of
    the wrong shape, and for a file that cannot be read.
    """
    state = dict(source) if isinstance(source, Mapping) else read_state(fetch(source))
    for pattern, replacement in (rename or {}).items():
        state = {re.sub(pattern, replacement, name): value for name, value in state.items()}
    flat = flatten_dict(dict(variables))
    found = match(model, variables if model.num_classes else _with_head(model), state)
    report = Report()

    def ignored(name: str) -> bool:
        return any(re.search(pattern, name) for pattern in ignore)

    missing = [name for name, tensor in found.missing if tensor.path in flat and not ignored(name)]
    check_complete(missing, [name for name in found.unused if not ignored(name)])
    report.left_out += found.unused
    for name, timm, tensor in found.pairs:
        if tensor.path not in flat or ignored(name) or ignored(timm):
            report.left_out.append(name)
            continue
        old = flat[tensor.path]
        kind, value = _fit(model, timm, tensor.from_torch(state[name]), old, classes)
        if value is None or value.shape != old.shape:
            raise UserError(wrong_shape(name, state[name], tensor, old))
        getattr(report, kind).append(name)
        flat[tensor.path] = jnp.asarray(value, old.dtype)
    return unflatten_dict(flat), report


def _with_head(model: ImageModel) -> Variables:
    """The names of a model that has a classifier, to tell it from tensors that nobody knows."""
    return abstract_variables(model.clone(num_classes=1))


def _fit(
    model: ImageModel,
    timm: str,
    value: np.ndarray,
    old: jax.Array,
    classes: Sequence[int] | None,
) -> tuple[str, Any]:
    """(the field of Report, `value` in the shape of `old`), or None where that cannot be had."""
    table = table_of(model)
    if classes is not None and is_classifier(model, timm):
        return "adapted", fit_classes(value, classes)
    if value.shape == old.shape:
        return "loaded", value
    if is_classifier(model, timm) and value.shape[:-1] == old.shape[:-1]:
        return "replaced", old
    if timm == table.first and value.shape[:-2] == old.shape[:-2]:
        return "adapted", fit_channels(value, old.shape[-2])
    if re.fullmatch(table.positions, timm) and value.shape[-1] == old.shape[-1]:
        return "resized", table.resize(value, old.shape)
    return "", None


def fit_classes(value: np.ndarray, classes: Sequence[int]) -> np.ndarray:
    """The rows of a classifier [..., K] that `classes` names; -1 takes the mean of all."""
    with_mean = np.concatenate([value, value.mean(-1, keepdims=True)], axis=-1)
    return with_mean[..., np.asarray(classes)]


def fit_channels(kernel: np.ndarray, channels: int) -> np.ndarray:
    """A first kernel [K, K, I, O] for images of `channels`: summed for one, repeated for others.

    Repeated kernels are scaled, so that an image whose channels repeat too gives the same output.
    """
    if channels == 1:
        return kernel.sum(-2, keepdims=True)
    given = kernel.shape[-2]
    return kernel[..., np.arange(channels) % given, :] * (given / channels)


def save_weights(model: ImageModel, variables: Variables, path: str | Path) -> None:
    """Write `variables` as safetensors with timm's names and layouts, so that timm loads them."""
    write_state(to_torch(model, variables), path)
