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
from effjax.models.architecture import override
from effjax.models.architecture_file import read_architecture
from effjax.models.base import ImageModel
from effjax.models.families.vit import PREFIX, ViT
from effjax.models.network import Network
from effjax.models.registry import abstract_variables, entry, entry_of
from effjax.models.weights.buffers import buffers, without_buffers
from effjax.models.weights.files import State
from effjax.models.weights.positions import grid_note
from effjax.models.weights.tables import NOTHING, TABLES, Table, rename, timm_name

Arrays = Mapping[str, np.ndarray]
Variables = Mapping[str, Any]
IN_FILES = ("params", "batch_stats", "constants")  # other collections are of training alone
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
            x = np.moveaxis(x, -1, 1)  # [1, H, W, C] -> [1, C, H, W]
        return x[..., None, None] if self.pointwise else x

    def from_torch(self, x: np.ndarray) -> np.ndarray:
        """The way back; a linear layer may come as [O, I] or as [O, I, 1, 1]."""
        if self.path[-1] == "kernel":
            longer = x.ndim == len(self.shape) + 2
            if longer and x.shape[-2:] == (1, 1):
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
    """The names of a model's family; of a plug-in: its own names, in torch's layouts."""
    return TABLES.get(type(model)) or _own_table(model)


def _own_table(model: ImageModel) -> Table:
    """For a family that nobody has published: the classifier is what depends on the classes."""
    shapes = []
    for classes in (1, 2):
        variables = abstract_variables(model.clone(num_classes=classes))
        shapes.append({path: leaf.shape for path, leaf in flatten_dict(dict(variables)).items()})
    one, two = shapes
    bare = Table(first=NOTHING, classifier=NOTHING)
    heads = [timm_name(bare, path[1:]) for path in one if two.get(path) != one[path]]
    return Table(first=NOTHING, classifier="|".join(map(re.escape, heads)) or NOTHING)


def tensors_of(model: ImageModel, variables: Variables) -> dict[str, Tensor]:
    """timm's name -> tensor, for all of `variables` that a file of weights holds."""
    table = table_of(model)
    pointwise = table.pointwise(model.architecture)
    kept = {kind: tree for kind, tree in variables.items() if kind in IN_FILES}
    found = {}
    for path, leaf in flatten_dict(kept).items():
        name = timm_name(table, path[1:])  # without the collection
        as_conv = re.fullmatch(pointwise, name) is not None
        as_map = re.fullmatch(table.map_first, name) is not None
        found[name] = Tensor(path, leaf.shape, as_conv, as_map)
    return found


def match(model: ImageModel, variables: Variables, state: Arrays) -> Match:
    """Find the tensors of `variables` in `state`, in whichever scheme fits best."""
    tensors = tensors_of(model, variables)
    # {name in the scheme: timm's name}, timm's own scheme first
    best = {name: name for name in tensors}
    for rules in table_of(model).others.values():
        scheme = {rename(rules, name): name for name in tensors}
        known = scheme.keys() & state.keys()
        known_so_far = best.keys() & state.keys()
        if len(known) > len(known_so_far):
            best = scheme
    pairs = []
    missing = []
    for name, timm in best.items():
        if name in state:
            pairs.append((name, timm, tensors[timm]))
        else:
            missing.append((name, tensors[timm]))
    others = sorted(state.keys() - best.keys())
    unused = [name for name in others if not name.endswith(BATCH_COUNT)]
    unused = without_buffers(model, state, unused)
    return Match(tuple(pairs), tuple(missing), tuple(unused))


def check_complete(missing: Sequence[str], unused: Sequence[str]) -> None:
    """Raise UserError, a line for each, unless both are empty."""
    lines = []
    if missing:
        lines.append(_listed(missing, "of the model are not in the weights"))
    if unused:
        lines.append(_listed(unused, "of the weights are not in the model"))
    if lines:
        raise UserError("\n".join(lines))


def _listed(names: Sequence[str], what: str) -> str:
    more = f", and {len(names) - 4} more" if len(names) > 4 else ""
    return f"{len(names)} tensors {what}: {', '.join(names[:4])}{more}"


def as_model(source: Any, state: Arrays | None = None) -> ImageModel:
    """The model that a name or an architecture stands for, with the classes that `state` has."""
    if isinstance(source, Network):
        return source
    model = _default_model(source)
    if state is None:
        return model
    found = match(model, abstract_variables(model), state)
    classes = 0
    for file, timm, _ in found.pairs:
        if is_classifier(model, timm):
            # torch's layout: outputs first; a label table has a row for "no label" too
            further = getattr(model.architecture, "null_label", False)
            classes = state[file].shape[0] - further
    return model.clone(num_classes=classes)


def _default_model(source: Any) -> ImageModel:
    """Of a registered name, an architecture's file, or an architecture."""
    if not isinstance(source, str):
        return entry_of(source).model(source)
    fields = {}
    if source.endswith(".json"):
        source, fields = read_architecture(source)
    found = entry(source)
    return found.model(override(found.architecture, fields))


def is_classifier(model: ImageModel, timm: str) -> bool:
    """Whether timm's name belongs to the layer whose outputs are the classes."""
    return re.fullmatch(table_of(model).classifier, timm) is not None


def from_torch(source: str | ImageModel | Any, state_dict: Arrays) -> dict[str, Any]:
    """Variables from a state dict with timm's or the authors' names, in torch's layouts.

    Tensors are taken as they are: for weights of another image size, use `load_weights`.

    Args:
        source: a registered name, an architecture dataclass, or a model.
        state_dict: {name: array}; its classifier decides the number of classes.

    Raises UserError unless every tensor of the model is there with its shape, and none is left.
    """
    model = as_model(source, state_dict)
    found = match(model, abstract_variables(model), state_dict)
    check_complete([name for name, _ in found.missing], found.unused)
    flat = {}
    for name, timm, tensor in found.pairs:
        value = tensor.from_torch(state_dict[name])
        if value.shape != tensor.shape:
            raise wrong_shape(model, name, timm, state_dict[name], tensor, tensor.shape)
        flat[tensor.path] = value
    return unflatten_dict(flat)


def wrong_shape(
    model: ImageModel,
    name: str,
    timm: str,
    given: np.ndarray,
    tensor: Tensor,
    wanted: Sequence[int],
) -> UserError:
    """For a tensor that cannot be what the model wants."""
    table = table_of(model)
    if re.fullmatch(table.positions, timm) and given.ndim == len(wanted):
        hint = "these are weights of another image size: load_weights resizes them"
    elif re.fullmatch(table.of_one_size, timm):
        hint = (
            "these are weights of another image size, and this tensor fits no other: resize images"
        )
    else:
        hint = "are these the weights of another architecture?"
    return UserError(
        f"{name} is {'x'.join(map(str, given.shape))} in the file, {'/'.join(tensor.path[1:])} of "
        f"the model is {'x'.join(map(str, wanted))}:\n{hint}"
    )


def to_torch(source: str | ImageModel | Any, variables: Variables) -> State:
    """The way back: a state dict with timm's names and layouts."""
    model = as_model(source)
    flat = flatten_dict(dict(variables))
    arrays = {}
    for name, tensor in tensors_of(model, variables).items():
        arrays[name] = tensor.to_torch(np.asarray(flat[tensor.path]))
        if name.endswith("running_mean"):
            count = name.replace("running_mean", BATCH_COUNT)
            arrays[count] = np.zeros((), np.int64)
    arrays |= buffers(model, arrays)
    return State(arrays, _notes(model, arrays))


def _notes(model: ImageModel, arrays: Arrays) -> dict[str, str]:
    for name, array in arrays.items():
        if isinstance(model, ViT) and re.fullmatch(table_of(model).positions, name):
            return grid_note(model, array.shape[1] - PREFIX)
    return {}
