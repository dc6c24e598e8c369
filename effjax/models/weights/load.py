"""Put published weights into the variables of a model, strictly, and say what was done."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from jax import Array

from effjax.errors import UserError
from effjax.models.base import ImageModel
from effjax.models.families.vit import ViT
from effjax.models.registry import abstract_variables
from effjax.models.weights.convert import (
    Arrays,
    Tensor,
    Variables,
    check_complete,
    is_classifier,
    match,
    table_of,
    to_torch,
    wrong_shape,
)
from effjax.models.weights.fetch import fetch
from effjax.models.weights.files import State, read_state, write_state
from effjax.models.weights.patches import resize_patches
from effjax.models.weights.positions import fit_positions


@dataclasses.dataclass
class Report:
    """What became of each tensor, by the names in the file.

    Attributes:
        loaded: taken as they are.
        resized: positions, interpolated to another image size; patches of another size.
        adapted: first layers fitted to another number of channels, classifiers to `classes`.
        replaced: classifiers of other classes; the model keeps its fresh ones.
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


@dataclasses.dataclass(frozen=True)
class From:
    """What `ImageModel.weights` holds: loads a source, see `load_weights`, into fresh variables."""

    source: str

    def __call__(self, model: ImageModel, variables: Variables) -> dict[str, Any]:
        loaded, _ = load_weights(model, variables, self.source)
        return loaded


def load_weights(
    model: ImageModel,
    variables: Variables,
    source: str | Path | Arrays,
    ignore: Sequence[str] = (),
    rename: Mapping[str, str] | None = None,
    classes: Sequence[int] | None = None,
    fresh_classifier: bool = False,
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
            from, -1 for the mean of all rows; as ImageNet-21k weights are fine-tuned on 1k. Empty:
            the classifier stays fresh.
        fresh_classifier: take weights of an encoder that has no classifier at all; the model keeps
            its own.

    Positions are resized to the model's grid as timm does, a ViT's patches as FlexiViT does. A
    classifier with another class count is left fresh, the first layer is fitted to `in_chans`.
    Raises UserError for any other tensor that is missing, not used or of the wrong shape, and for a
    file that cannot be read.
    """
    given = source if isinstance(source, Mapping) else read_state(fetch(source))
    state = renamed(given, rename)
    flat = flatten_dict(dict(variables))
    # Without a classifier the file's is still known by name, and is no stray tensor.
    found = match(model, variables if model.num_classes else _with_classifier(model), state)
    missing = [name for name, tensor in found.missing if tensor.path in flat]
    report = Report(left_out=list(found.unused))
    if fresh_classifier and missing:
        head = _fresh_head(model, flat, found.missing)
        missing = [name for name in missing if name not in head]
        report.replaced += head
    check_complete(_but(ignore, missing), _but(ignore, found.unused))
    for name, timm, tensor in found.pairs:
        if tensor.path not in flat or named_by(ignore, name) or named_by(ignore, timm):
            report.left_out.append(name)
            continue
        old = flat[tensor.path]
        kind, value = _fit(model, name, timm, tensor, old, state, classes)
        getattr(report, kind).append(name)
        flat[tensor.path] = jnp.asarray(value, old.dtype)
    return unflatten_dict(flat), report


def _fresh_head(
    model: ImageModel, flat: Mapping[tuple, Any], missing: Sequence[tuple[str, Tensor]]
) -> list[str]:
    """The missing tensors that only a classifier has, if all of these are missing."""
    headless = flatten_dict(dict(abstract_variables(model.clone(num_classes=0))))
    head = [name for name, tensor in missing if tensor.path in flat and tensor.path not in headless]
    wanted = [path for path in flat if path not in headless]
    return head if len(head) == len(wanted) else []


def renamed(state: Arrays, rename: Mapping[str, str] | None) -> State:
    """`state` with every {pattern: replacement} applied to its names, in order.

    Raises UserError for a pattern that is no regular expression, and if two names become the same.
    """
    arrays = {}
    for name, value in state.items():
        new = name
        for pattern, replacement in (rename or {}).items():
            new = _substitute(pattern, replacement, new)
        if new in arrays:
            raise UserError(
                f"rename makes two tensors {new!r}, one of them was {name!r}\n"
                "give patterns that keep names apart, such as '^encoder\\.'"
            )
        arrays[new] = value
    return State(arrays, getattr(state, "notes", None))


def _substitute(pattern: str, replacement: str, name: str) -> str:
    try:
        return re.sub(pattern, replacement, name)
    except re.error as error:
        raise UserError(
            f"rename {pattern!r} -> {replacement!r}: {error}\nexpected a regular expression"
        ) from None


def named_by(patterns: Sequence[str], name: str) -> bool:
    """Whether one of the patterns is found in `name`; raises UserError for a wrong pattern."""
    try:
        return any(re.search(pattern, name) for pattern in patterns)
    except re.error as error:
        raise UserError(
            f"ignore {error.pattern!r}: {error}\nexpected a regular expression"
        ) from None


def _but(patterns: Sequence[str], names: Sequence[str]) -> list[str]:
    return [name for name in names if not named_by(patterns, name)]


def _with_classifier(model: ImageModel) -> Variables:
    """The names of a model that has a classifier, to tell it from tensors that nobody knows."""
    return abstract_variables(model.clone(num_classes=1))


def _fit(
    model: ImageModel,
    name: str,
    timm: str,
    tensor: Tensor,
    old: Array,
    state: State,
    classes: Sequence[int] | None,
) -> tuple[str, Any]:
    """(the field of Report, the file's tensor in the shape of `old`); raises UserError."""
    table = table_of(model)
    given = state[name]
    value = tensor.from_torch(given)
    if classes is not None and is_classifier(model, timm):
        if not len(classes):
            return "replaced", old
        value = fit_classes(value, classes)
        if value.shape == old.shape:
            return "adapted", value
    elif re.fullmatch(table.positions, timm) and _same_channels(value, old):
        return fit_positions(model, name, value, old.shape, state.notes)
    elif value.shape == old.shape:
        return "loaded", value
    elif is_classifier(model, timm) and value.shape[:-1] == old.shape[:-1]:
        return "replaced", old
    elif timm == table.first and isinstance(model, ViT) and value.shape[2:] == old.shape[2:]:
        return "resized", resize_patches(value, old.shape[0])
    elif timm == table.first and value.shape[:-2] == old.shape[:-2]:
        value = fit_channels(value, old.shape[-2])
        if value.shape == old.shape:
            return "adapted", value
    raise wrong_shape(model, name, timm, given, tensor, old.shape)


def _same_channels(value: np.ndarray, old: Array) -> bool:
    return value.ndim == old.ndim and value.shape[-1] == old.shape[-1]


def fit_classes(value: np.ndarray, classes: Sequence[int]) -> np.ndarray:
    """The rows of a classifier [..., K] that `classes` names; -1 takes the mean of all."""
    mean = value.mean(-1, keepdims=True)
    with_mean = np.concatenate([value, mean], axis=-1)  # the mean comes last: index -1
    return with_mean[..., np.asarray(classes)]


def fit_channels(kernel: np.ndarray, channels: int) -> np.ndarray:
    """A first kernel [K, K, I, O] for images of `channels`: summed for one, repeated for others.

    Repeated kernels are scaled, so that an image whose channels repeat too gives the same output.
    """
    if channels == 1:
        return kernel.sum(-2, keepdims=True)
    given = kernel.shape[-2]
    repeated = kernel[..., np.arange(channels) % given, :]
    return repeated * (given / channels)


def save_weights(model: ImageModel, variables: Variables, path: str | Path) -> None:
    """Write `variables` as safetensors with timm's names and layouts, so that timm loads them."""
    write_state(to_torch(model, variables), path)
