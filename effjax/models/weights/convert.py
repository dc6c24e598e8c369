"""Names and layouts between published PyTorch state dicts and our variables.

Layouts: O outputs, I inputs (of one group), K... kernel sides.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from effjax.errors import UserError
from effjax.models.base import ImageModel
from effjax.models.registry import abstract_variables, create_model, entry_of
from effjax.models.weights.tables import TABLES, Table, rename, timm_name

State = Mapping[str, np.ndarray]
Variables = Mapping[str, Any]
BATCH_COUNT = "num_batches_tracked"  # torch's batch norm counts its batches; nothing reads it


@dataclasses.dataclass(frozen=True)
class Tensor:
    """One tensor of a model: its path and shape with us, and how torch lays it out."""

    path: tuple[str, ...]
    shape: tuple[int, ...]
    pointwise: bool
    map_first: bool

    def to_torch(self, x: np.ndarray) -> np.ndarray:
        """[K..., I, O] -> [O, I, K...]; [I, O] -> [O, I] or [O, I, 1, 1]; others as they are."""
        if self.path[-1] == "kernel":
            x = np.moveaxis(x, (-1, -2), (0, 1))
        elif self.map_first:
            x = np.moveaxis(x, -1, 1)
        return x[..., None, None] if self.pointwise else x

    def from_torch(self, x: np.ndarray) -> np.ndarray:
        """The way back; a linear layer may come as [O, I] or as [O, I, 1, 1]."""
        if self.path[-1] == "kernel":
            if x.ndim == len(self.shape) + 2 and x.shape[-2:] == (1, 1):
                x = x[..., 0, 0]
            return np.moveaxis(x, (0, 1), (-1, -2))
        return np.moveaxis(x, 1, -1) if self.map_first else x


@dataclasses.dataclass(frozen=True)
class Match:
    """The tensors of a model beside those of a state dict.

    Attributes:
        pairs: (name in the state dict, timm's name, tensor) of what both have.
        missing: (name that the state dict would give it, tensor) of what only the model has.
        unused: names of what only the state dict has.
    """

    pairs: tuple[tuple[str, str, Tensor], ...]
    missing: tuple[tuple[str, Tensor], ...]
    unused: tuple[str, ...]


def table_of(model: ImageModel) -> Table:
    """The names of a model's family; raises UserError if it has none."""
    if type(model) not in TABLES:
        raise UserError(f"{type(model).__name__} has no table of weight names in models/weights")
    return TABLES[type(model)]


def tensors_of(model: ImageModel, variables: Variables) -> dict[str, Tensor]:
    """timm's name -> tensor, for all of `variables`."""
    table = table_of(model)
    pointwise = table.pointwise(model.architecture)
    found = {}
    for path, leaf in flatten_dict(dict(variables)).items():
        name = timm_name(table, path[1:])
        as_conv, as_map = (bool(re.fullmatch(p, name)) for p in (pointwise, table.map_first))
        found[name] = Tensor(path, leaf.shape, as_conv, as_map)
    return found


def match(model: ImageModel, variables: Variables, state: State) -> Match:
    """Find the tensors of `variables` in `state`, in whichever scheme fits best."""
    tensors = tensors_of(model, variables)
    schemes = [(), *table_of(model).others.values()]
    candidates = [{rename(rules, name): name for name in tensors} for rules in schemes]
    scheme = max(candidates, key=lambda names: len(names.keys() & state.keys()))
    return Match(
        pairs=tuple(
            (name, scheme[name], tensors[scheme[name]]) for name in scheme if name in state
        ),
        missing=tuple((name, tensors[scheme[name]]) for name in scheme if name not in state),
        unused=tuple(
            sorted(n for n in state.keys() - scheme.keys() if not n.endswith(BATCH_COUNT))
        ),
    )


def check_complete(missing: Sequence[str], unused: Sequence[str]) -> None:
    """Raise UserError, a line for each, unless both are empty."""
    kinds = (
        (missing, "of the model are not in the weights"),
        (unused, "of the weights are not in the model"),
    )
    lines = []
    for names, text in kinds:
        more = f", and {len(names) - 4} more" if len(names) > 4 else ""
        lines += [f"{len(names)} tensors {text}: {', '.join(names[:4])}{more}"] if names else []
    if lines:
        raise UserError("\n".join(lines))


def as_model(source: Any, state: State | None = None) -> ImageModel:
    """The model that a name or an architecture stands for, with the classes that `state` has."""
    if isinstance(source, ImageModel):
        return source
    model = create_model(source) if isinstance(source, str) else entry_of(source).model(source)
    if state is None:
        return model
    found = match(model, abstract_variables(model), state)
    biases = [state[file] for file, timm, _ in found.pairs if is_classifier(model, timm)]
    return model.clone(num_classes=biases[-1].shape[0] if biases else 0)


def is_classifier(model: ImageModel, timm: str) -> bool:
    """Whether timm's name belongs to the layer whose outputs are the classes."""
    return re.fullmatch(table_of(model).classifier, timm) is not None


def from_torch(source: str | ImageModel | Any, state_dict: State) -> dict[str, Any]:
    """Variables from a state dict with timm's or the authors' names, in torch's layouts.

    Args:
        source: a registered name, an architecture dataclass, or a model.
        state_dict: {name: array}; its classifier decides the number of classes.

    Raises UserError unless every tensor of the model is there with its shape, and none is left.
    """
    model = as_model(source, state_dict)
    found = match(model, abstract_variables(model), state_dict)
    check_complete([name for name, _ in found.missing], found.unused)
    flat = {}
    for name, _, tensor in found.pairs:
        flat[tensor.path] = tensor.from_torch(state_dict[name])
        if flat[tensor.path].shape != tensor.shape:
            raise UserError(wrong_shape(name, state_dict[name], tensor, tensor))
    return unflatten_dict(flat)


def wrong_shape(name: str, given: np.ndarray, tensor: Tensor, wanted: Any) -> str:
    """The message for a tensor that cannot be what the model wants."""
    return (
        f"{name} is {'x'.join(map(str, given.shape))} in the file, {'/'.join(tensor.path[1:])} of "
        f"the model is {'x'.join(map(str, wanted.shape))}:\n"
        "are these the weights of another architecture?"
    )


def to_torch(source: str | ImageModel | Any, variables: Variables) -> dict[str, np.ndarray]:
    """The way back: a state dict with timm's names and layouts."""
    state = {}
    flat = flatten_dict(dict(variables))
    for name, tensor in tensors_of(as_model(source), variables).items():
        state[name] = tensor.to_torch(np.asarray(flat[tensor.path]))
        if name.endswith("running_mean"):
            state[name.replace("running_mean", BATCH_COUNT)] = np.zeros((), np.int64)
    return state
