"""The registered models and the published sets of weights, each with a line of text.

A family registers its architectures where it defines them:

    @register_family(ConvNeXt, "ConvNeXt, 7x7 depthwise convolution and MLP")
    def convnext() -> dict[str, ConvNeXtArchitecture]:
        return {"convnext_tiny": ConvNeXtArchitecture(...), ...}
"""

import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatch
from typing import Any

import jax

from effjax import plugins
from effjax.errors import UserError, nearest
from effjax.models.network import Network

IMAGE = (224, 224, 3)


@dataclasses.dataclass(frozen=True)
class Entry:
    """One registered architecture; `input_shape` (without batch) is what it was published for."""

    description: str
    model: type[Network]
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

MakeFamily = Callable[[], Mapping[str, Any]]


def register(
    name: str,
    description: str,
    model: type[Network],
    architecture: Any,
    input_shape: tuple[int, ...] = IMAGE,
    module: str | None = None,
) -> None:
    """Make `create_model(name)` build `model` from the frozen dataclass `architecture`.

    `module` is the one that registers it; None: the caller. Raises ValueError if the name is taken.
    """
    if name in _entries:
        raise ValueError(f"a model named {name!r} is registered already")
    _entries[name] = Entry(description, model, architecture, input_shape)
    # not the model's module: a family of ours may get an architecture of the user's own
    plugins.note("model", name, module or sys._getframe(1).f_globals["__name__"])


def register_family(
    model: type[Network], description: str, input_shape: tuple[int, ...] = IMAGE
) -> Callable[[MakeFamily], MakeFamily]:
    """A decorator that registers all that a function returns, {name: architecture}.

    Raises ValueError if a name is taken.
    """

    def add(make: MakeFamily) -> MakeFamily:
        for name, architecture in make().items():
            register(name, description, model, architecture, input_shape, make.__module__)
        return make

    return add


def register_pretrained(name: str, weights: Pretrained) -> None:
    """Make `weights` known as `name`, "architecture.tag"."""
    _pretrained[name] = weights


def entry(name: str) -> Entry:
    """What "architecture", "architecture.tag" or "package.module:name" stands for.

    Raises UserError for an unknown name, or a module without it.
    """
    architecture = without_tag(name)
    if plugins.is_plugin(architecture) and architecture not in _entries:
        _entries[architecture] = _own_entry(architecture)
    found = plugins.look_up("model", architecture, _entries)
    if found is None:
        raise UserError(
            f"unknown model {architecture!r}: {nearest(architecture, _entries)}\n"
            "`effjax models` lists the models that there are"
        )
    return found


def without_tag(name: str) -> str:
    """ "caformer_s18.sail_in1k" -> "caformer_s18"; a plug-in's path as it is."""
    return name if plugins.is_plugin(name) else name.partition(".")[0]


def _own_entry(path: str) -> Entry:
    """The entry of "package.module:name": a name that the module registers, or a model's class."""
    module = plugins.import_plugin("model", path)
    _, _, name = path.partition(":")
    if name in _entries:
        return _entries[name]
    found = getattr(module, name, None)
    is_model = isinstance(found, type) and issubclass(found, Network)
    if not is_model or not dataclasses.is_dataclass(getattr(found, "architecture", None)):
        raise UserError(
            f"model {path!r}: {module.__name__} registers no model of that name, and has no "
            f"ImageModel {name}\nwith an `architecture` by default"
        )
    return Entry(f"{path}, a model of your own", found, found.architecture)


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


def published_name(name: str) -> str:
    """The published weights that a name means: itself, or an architecture's first ones.

    Raises UserError if there are none.
    """
    tags = list_models(f"{name}.*", pretrained=True)
    if "." in name or not tags:
        pretrained(name)  # there, or refused in a sentence
        return name
    return tags[0]


def list_models(
    pattern: str = "*", pretrained: bool = False, kind: str | None = "classifier"
) -> list[str]:
    """The sorted names that match a shell pattern such as "ca*".

    Args:
      pretrained: list the published weights, "architecture.tag", in place of the architectures.
      kind: "classifier", "denoiser", or None for both.
    """
    known = _pretrained if pretrained else _entries
    matching = []
    for name in known:
        # a function that makes a network makes a classifier
        its_kind = getattr(entry(name).model, "kind", "classifier")
        if fnmatch(name, pattern) and kind in (None, its_kind):
            matching.append(name)
    return sorted(matching)


def default_fields(name: str) -> dict[str, Any]:
    """Every field of an architecture with its default; raises UserError for an unknown name."""
    return fields_of(entry(name).architecture)


def fields_of(architecture: Any) -> dict[str, Any]:
    """{field: value} of an architecture's dataclass; values stay as they are."""
    names = (field.name for field in dataclasses.fields(architecture))
    return {name: getattr(architecture, name) for name in names}


def abstract_variables(model: Network, input_shape: Sequence[int] | None = None) -> Any:
    """The shapes that `model.init` returns, without computing anything.

    `input_shape` has no batch; the default is the model's own image size, or the shape that the
    family was published for.
    """
    *size, _ = input_shape or default_input_shape(model)
    shape = (1, *size, model.architecture.in_chans)
    fresh = model.clone(weights=None)  # published weights change no shape
    return jax.eval_shape(fresh.init, jax.random.key(0), *model.example_inputs(shape))


def default_input_shape(model: Network) -> tuple[int, ...]:
    """[H, W, C] (or [T, H, W, C]) of what `model` is for."""
    published = entry_of(model.architecture).input_shape
    image_size = model.image_size()
    return published if image_size is None else (*image_size, published[-1])
