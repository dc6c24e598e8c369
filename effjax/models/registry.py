"""The registered architectures: a name, one line of text, a model class and its default fields."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from effjax.config import as_path
from effjax.errors import UserError, nearest
from effjax.models.architecture import override
from effjax.models.base import ImageModel

IMAGE = (224, 224, 3)
# how a network is trained, not what it is: a file that describes an architecture leaves them out
TRAINING_FIELDS = ("drop_path_rate", "head_dropout", "remat", "scan")


@dataclasses.dataclass(frozen=True)
class Entry:
    """One registered architecture; `input_shape` (without batch) is what it was published for."""

    description: str
    model: type[ImageModel]
    architecture: Any
    input_shape: tuple[int, ...] = IMAGE


@dataclasses.dataclass(frozen=True)
class Pretrained:
    """One published set of weights.

    Attributes:
        source: "hub:<repository>[:<file>]", see `effjax.models.weights.fetch`.
        top1: published ImageNet-1k top-1 in percent; None where the classes are others.
        licence: as the publisher states it.
        input_size: side of the square images in pixels.
        crop: side of the central crop, as a fraction of the resized image.
        mean, std: of images in [0, 1], per channel.
    """

    source: str
    top1: float | None
    licence: str = "apache-2.0"
    input_size: int = 224
    crop: float = 1.0
    num_classes: int = 1000
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    interpolation: str = "bicubic"


_entries: dict[str, Entry] = {}
_pretrained: dict[str, Pretrained] = {}


def register(
    name: str,
    description: str,
    model: type[ImageModel],
    architecture: Any,
    input_shape: tuple[int, ...] = IMAGE,
) -> None:
    """Make `create_model(name)` build `model` from the frozen dataclass `architecture`.

    Raises ValueError if the name is taken.
    """
    if name in _entries:
        raise ValueError(f"a model named {name!r} is registered already")
    _entries[name] = Entry(description, model, architecture, input_shape)


def register_pretrained(name: str, weights: Pretrained) -> None:
    """Make `weights` known as `name`, "architecture.tag"."""
    _pretrained[name] = weights


def entry(name: str) -> Entry:
    """The registered architecture of "architecture" or "architecture.tag"; raises UserError."""
    architecture = name.partition(".")[0]
    if architecture not in _entries:
        raise UserError(
            f"unknown model {architecture!r}: {nearest(architecture, _entries)}\n"
            "`effjax models` lists the models that there are"
        )
    return _entries[architecture]


def entry_of(architecture: Any) -> Entry:
    """A registered entry of the same family as an architecture dataclass; raises UserError."""
    for known in _entries.values():
        if type(known.architecture) is type(architecture):
            return known
    raise UserError(f"no registered model is made from a {type(architecture).__name__}")


def pretrained(name: str) -> Pretrained:
    """The published weights `architecture.tag`; raises UserError for an unknown name."""
    if name in _pretrained:
        return _pretrained[name]
    entry(name)  # an unknown architecture is the first thing to say
    tags = list_models(f"{name.partition('.')[0]}.*", pretrained=True)
    raise UserError(f"no published weights {name!r}: {nearest(name, tags)}")


def list_models(pattern: str = "*", pretrained: bool = False) -> list[str]:
    """The sorted names that match a shell pattern such as "ca*".

    `pretrained` lists the published weights, "architecture.tag", in place of the architectures.
    """
    return sorted(
        name for name in (_pretrained if pretrained else _entries) if fnmatch(name, pattern)
    )


def default_fields(name: str) -> dict[str, Any]:
    """Every field of an architecture with its default; raises UserError for an unknown name."""
    architecture = entry(name).architecture
    return {f.name: getattr(architecture, f.name) for f in dataclasses.fields(architecture)}


def create_model(
    name: str,
    num_classes: int = 1000,
    dtype: str = "float32",
    param_dtype: str = "float32",
    batch_axis: str | None = None,
    pretrained: bool | str = False,
    **architecture_fields: Any,
) -> ImageModel:
    """The model `name` with any field of its architecture given anew.

    Args:
        name: a registered architecture, see `list_models`; a tag after a dot is left to
            `load_weights`, for the architecture is the same. Or a file that
            `write_architecture` wrote, such as the architecture.json of a search.
        num_classes: outputs of the classifier; 0 for none, the model then returns `prelogits`.
        dtype: of the computation, such as "bfloat16"; norms, softmax and logits stay in float32.
        param_dtype: of the parameters.
        batch_axis: the pmap axis over which BatchNorm averages.
        pretrained: `init` of the model returns the published weights `name`, "architecture.tag"; of
            an architecture alone, those listed first. A file or "hub:..." stands for itself.
        architecture_fields: see `default_fields(name)`; lists become tuples, and a scalar in the
            place of a tuple with one entry for each stage serves all stages.

    Raises UserError for an unknown model or field and for a value of the wrong type or length.
    """
    if name.endswith(".json"):
        name, fields = read_architecture(name)
        architecture_fields = fields | architecture_fields
    found = entry(name)
    weights = pretrained if isinstance(pretrained, str) else _tagged(name) if pretrained else None
    return found.model(
        architecture=override(found.architecture, architecture_fields),
        num_classes=num_classes,
        dtype=_float_dtype("dtype", dtype),
        param_dtype=_float_dtype("param_dtype", param_dtype),
        batch_axis=batch_axis,
        weights=weights,
    )


def write_architecture(name: str, architecture: Any, path: str | Path, **notes: Any) -> None:
    """Write a registered name and what differs from its defaults as JSON, and any `notes`.

    Fields that say how a network is trained and not what it is (`TRAINING_FIELDS`) are left out.
    """
    defaults = default_fields(name)
    fields = {
        field.name: getattr(architecture, field.name)
        for field in dataclasses.fields(architecture)
        if field.name not in TRAINING_FIELDS
    }
    changed = {key: value for key, value in fields.items() if value != defaults[key]}
    text = json.dumps({"architecture": name, "fields": changed, **notes}, indent=2)
    as_path(path).write_text(text + "\n")


def read_architecture(path: str | Path) -> tuple[str, dict[str, Any]]:
    """(registered name, fields) of a file that `write_architecture` wrote.

    Raises UserError for a file that is missing or is something else.
    """
    try:
        stored = json.loads(as_path(path).read_text())
        name, fields = stored["architecture"], dict(stored["fields"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} is no architecture that a search wrote ({type(error).__name__}: {error})\n"
            "give the architecture.json of a finished effjax search"
        ) from error
    entry(name)
    return name, fields


def _tagged(name: str) -> str:
    """The published weights that a name means."""
    tags = list_models(f"{name}.*", pretrained=True)
    if "." in name or not tags:
        pretrained(name)  # there, or refused in a sentence
        return name
    return tags[0]


def abstract_variables(model: ImageModel, input_shape: Sequence[int] | None = None) -> Any:
    """The shapes that `model.init` returns, without computing anything.

    `input_shape` has no batch; the default is the shape that the family was published for.
    """
    *size, _ = input_shape or entry_of(model.architecture).input_shape
    images = jax.ShapeDtypeStruct((1, *size, model.architecture.in_chans), jnp.float32)
    return jax.eval_shape(model.clone(weights=None).init, jax.random.key(0), images)


def _float_dtype(field: str, name: str) -> jnp.dtype:
    known: Mapping[str, Any] = {
        "float32": jnp.float32,
        "bfloat16": jnp.bfloat16,
        "float16": jnp.float16,
        "float64": jnp.float64,
    }
    if name not in known:
        raise UserError(f"{field}={name!r}: {nearest(str(name), known)}")
    return jnp.dtype(known[name])
