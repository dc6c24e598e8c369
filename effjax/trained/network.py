"""A trained classifier with all that its use needs: out of a run's folder, or a weights file.

Shapes: B batch, H W space, K classes.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from effjax import models
from effjax.data import normalise
from effjax.data.config import IMAGENET_MEAN, IMAGENET_STD
from effjax.data.images.centre_crop import EvalTransform
from effjax.data.images.resize import image_size
from effjax.errors import UserError
from effjax.models.weights.convert import as_model
from effjax.report import Display
from effjax.runs.record import read_labels
from effjax.tasks.trained_network import trained_network

Triple = tuple[float, float, float]


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """From an image of any size to what the network takes.

    Attributes:
      size: (height, width) of what enters the network.
      crop: side of the centre crop, as a share of the resized image.
      interpolation: "bilinear" or "bicubic".
      mean, std: per channel, of pixels scaled to 0..1.
    """

    size: tuple[int, int]
    crop: float = 1.0
    interpolation: str = "bicubic"
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD

    def transform(self) -> EvalTransform:
        """uint8 [., ., 3] -> uint8 [H, W, 3]; `mean` and `std` are the network's part."""
        return EvalTransform(self.size, self.crop, self.interpolation)


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained classifier.

    Attributes:
      name: what to call it in titles.
      base: the registered architecture that `model` is made from, fields changed or not.
      model, variables: the network; its `num_classes` is K.
      preprocessing: what its images go through.
      labels: the names of the classes, K of them.
    """

    name: str
    base: str
    model: models.ImageModel
    variables: Any
    preprocessing: Preprocessing
    labels: tuple[str, ...]

    def normalised(self, images: jax.Array) -> jax.Array:
        """uint8 [B, H, W, 3] -> what the model takes."""
        return normalise(images, self.preprocessing.mean, self.preprocessing.std)

    def logits(self, variables: Any, images: jax.Array) -> jax.Array:
        """Logits [B, K] of uint8 images [B, H, W, 3]; a pure function."""
        return self.model.apply(variables, self.normalised(images), train=False)


class Spread:
    """All devices of this process, each with a copy of the weights and its part of a batch.

    Attributes:
      batch: images at a time: `batch` as asked for, rounded up to a multiple of the devices.
    """

    def __init__(self, batch: int):
        devices = jax.local_devices()
        devices = devices[: max(1, min(len(devices), batch))]
        self.batch = -(-batch // len(devices)) * len(devices)
        mesh = Mesh(np.asarray(devices), ("examples",), axis_types=(AxisType.Auto,))
        self._copies = NamedSharding(mesh, PartitionSpec())
        self._parts = NamedSharding(mesh, PartitionSpec("examples"))

    def copy(self, variables: Any) -> Any:
        """The weights onto every device."""
        return jax.device_put(variables, self._copies)

    def send(self, **arrays: np.ndarray) -> dict[str, jax.Array]:
        """Arrays [batch, ...], a part to each device."""
        return jax.device_put(arrays, self._parts)


def from_workdir(workdir: Path, display: Display, step: int | None = None) -> Trained:
    """The network of a classification run: the average of its weights, if it has one.

    Needs the run's folder only, not the data that it was trained on.

    Raises:
      UserError: no run there, no checkpoint, or a run of another kind of task.
    """
    task, variables = trained_network(workdir, step, display)
    data = task.config.data
    preprocessing = Preprocessing(
        image_size(data, False), data.eval_crop, data.eval_interpolation, data.mean, data.std
    )
    labels = read_labels(workdir) or task.split.class_names
    labels = _as_many(tuple(labels), task.model.num_classes)
    base = task.config.model.name
    return Trained(str(workdir), base, task.model, variables, preprocessing, labels)


def from_weights(
    name: str | None, weights: str | None, labels: Path | None = None, size: int | None = None
) -> Trained:
    """The network `name` with the weights of a file.

    What `effjax export --format=safetensors` wrote beside the file (architecture, preprocessing,
    labels) is read; a published name such as "caformer_s18.sail_in1k" brings its own preprocessing,
    and its weights if none are given.

    Args:
      name: a registered architecture or published weights; None: as the file's companion says.
      weights: see `load_weights`; None: the published ones of `name`.
      labels: a text file with a class name a line, or a JSON list of them.
      size: side of the square images; None: what the weights were published for.

    Raises:
      UserError: weights that do not fit, or a wrong number of labels.
    """
    if name is None and weights is None:
        raise UserError("which network? give --workdir=D, or --model=M with --weights=F")
    card = read_card(Path(weights)) if weights else None
    if name is None and card is None:
        raise UserError(
            f"--weights={weights} does not say which model it belongs to; give --model=M\n"
            "list: effjax models"
        )
    state = models.weights.read_state(models.weights.fetch(weights or name))
    if card and (name is None or _same_family(name, card["model"])):
        model = models.create_model(card["model"], card["num_classes"], **card["architecture"])
        preprocessing = Preprocessing(**card["preprocessing"])
        names = tuple(card["labels"])
    else:
        model, names = as_model(name, state), ()
        preprocessing = _published_preprocessing(name)
    if model.num_classes == 0:
        raise UserError(f"{weights or name} has no classifier; fine-tune it first: effjax train")
    if size is not None:
        preprocessing = dataclasses.replace(preprocessing, size=(size, size))
    shapes = models.registry.abstract_variables(model, (*preprocessing.size, 3))
    blank = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    variables, _ = models.load_weights(model, blank, state)
    if labels is not None:
        names = read_label_file(labels)
        if len(names) != model.num_classes:
            raise UserError(
                f"--labels={labels} names {len(names)} classes, the network has {model.num_classes}"
            )
    name = name or card["model"]
    return Trained(name, name, model, variables, preprocessing, _as_many(names, model.num_classes))


def _same_family(name: str, other: str) -> bool:
    families = [type(models.entry(known).architecture) for known in (name, other)]
    return families[0] is families[1]


def _published_preprocessing(name: str) -> Preprocessing:
    if name in models.list_models(pretrained=True):
        facts = models.pretrained(name)
        square = (facts.input_size, facts.input_size)
        return Preprocessing(square, facts.crop, facts.interpolation, facts.mean, facts.std)
    if "." in name:
        models.pretrained(name)  # says which there are
    return Preprocessing(models.entry(name).input_shape[:2])


def _as_many(names: tuple[str, ...], count: int) -> tuple[str, ...]:
    """`count` names; classes beyond those that are named are called by their numbers."""
    return names[:count] + tuple(f"class {k}" for k in range(len(names), count))


def read_label_file(path: Path) -> tuple[str, ...]:
    """The names of a text file with one a line, or of a JSON list.

    Raises:
      UserError: no such file, or other JSON.
    """
    try:
        text = path.read_text()
        if path.suffix != ".json":
            return tuple(line.strip() for line in text.splitlines() if line.strip())
        names = json.loads(text)
    except (OSError, ValueError) as error:
        raise UserError(f"--labels={path} cannot be read: {error}") from error
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise UserError(f"--labels={path}: expected a JSON list of names, or a text file")
    return tuple(names)


# ------------------------------------------------------------- what is recorded beside a file


def card_path(path: Path) -> Path:
    """Where the companion of an exported file is: F.json beside F.onnx."""
    return path.with_suffix(".json")


def make_card(trained: Trained) -> dict[str, Any]:
    """What one has to know to use the network, as JSON data."""
    return {
        "model": trained.base.partition(".")[0],
        "architecture": dataclasses.asdict(trained.model.architecture),
        "num_classes": trained.model.num_classes,
        "preprocessing": dataclasses.asdict(trained.preprocessing),
        "labels": list(trained.labels),
    }


def read_card(weights: Path) -> dict[str, Any] | None:
    """What `make_card` recorded beside a weights file; None if there is no such file."""
    path = card_path(weights)
    if not path.is_file():
        return None
    try:
        card = json.loads(path.read_text())
        facts = card["preprocessing"]
        facts = {key: tuple(v) if isinstance(v, list) else v for key, v in facts.items()}
        wanted = ("model", "architecture", "num_classes", "labels")
        return {"preprocessing": facts} | {key: card[key] for key in wanted}
    except (OSError, ValueError, KeyError, TypeError):
        return None
