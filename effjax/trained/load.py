"""A trained classifier out of a run's folder, or of a weights file."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from effjax import models
from effjax.data.class_names import IMAGENET_CLASSES, imagenet_names
from effjax.data.images.resize import image_size
from effjax.errors import UserError
from effjax.models.weights.convert import as_model
from effjax.report import Display
from effjax.runs.best import Step
from effjax.runs.record import read_labels
from effjax.tasks.trained_network import found_network, has_found, trained_network
from effjax.trained.card import read_card
from effjax.trained.labels import fill_names, read_label_file
from effjax.trained.network import Preprocessing, Trained


def from_workdir(workdir: Path, display: Display, step: Step = None) -> Trained:
    """The network of a classification run: the average of its weights, if it has one.

    Of a search it is the network that it found. Needs the run's folder only, not the data that it
    was trained on.

    Args:
      workdir: the run's folder.
      display: where damaged checkpoints are named.
      step: of the checkpoint; None: the newest.

    Raises:
      UserError: no run there, no sound checkpoint, or a run of another kind of task.
    """
    names = tuple(read_labels(workdir))
    if has_found(workdir):
        model, variables, config = found_network(workdir, step)
    else:
        task, variables = trained_network(workdir, step, display)
        model = task.model
        config = task.config
        # the task may stand on synthetic images, whose classes have other names
        names = names or task.split.class_names
    return Trained(
        name=str(workdir),
        base=config.model.name,
        model=model,
        variables=variables,
        preprocessing=_preprocessing_of(config.data),
        labels=fill_names(names, model.num_classes),
    )


def _preprocessing_of(data: Any) -> Preprocessing:
    """What evaluation does with an image, of a run's `config.data`."""
    return Preprocessing(
        size=image_size(data, False),
        crop=data.eval_crop,
        interpolation=data.eval_interpolation,
        mean=tuple(data.mean),
        std=tuple(data.std),
    )


def from_weights(
    name: str | None,
    weights: str | None,
    labels: Path | None = None,
    size: int | None = None,
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
    model, preprocessing, names = _described(name, card, state)
    if model.num_classes == 0:
        raise UserError(f"{weights or name} has no classifier; fine-tune it first: effjax train")
    if size is not None:
        preprocessing = dataclasses.replace(preprocessing, size=(size, size))
    if labels is not None:
        names = _names_for(model, labels)
    variables = _load(model, preprocessing, state)
    # without a name the companion was needed, so it is there
    base = name or card["model"]
    return Trained(
        name=base,
        base=base,
        model=model,
        variables=variables,
        preprocessing=preprocessing,
        labels=fill_names(names, model.num_classes),
    )


def _described(
    name: str | None, card: dict[str, Any] | None, state: Any
) -> tuple[models.ImageModel, Preprocessing, tuple[str, ...]]:
    """(model, preprocessing, class names) of weights: as the companion says, if it fits `name`."""
    # --model=M wins over the companion where it names another family; within one family the
    # companion knows which fields were changed
    if card and (name is None or _same_family(name, card["model"])):
        model = models.create_model(card["model"], card["num_classes"], **card["architecture"])
        return model, card["preprocessing"], tuple(card["labels"])
    model = as_model(name, state)
    # published weights of 1,000 classes are ImageNet's, in its order
    is_published = name in models.list_models(pretrained=True)
    is_imagenet = is_published and model.num_classes == IMAGENET_CLASSES
    names = imagenet_names() if is_imagenet else ()
    return model, _published_preprocessing(name), names


def _same_family(name: str, other: str) -> bool:
    ours = type(models.entry(name).architecture)
    return ours is type(models.entry(other).architecture)


def _published_preprocessing(name: str) -> Preprocessing:
    if name in models.list_models(pretrained=True):
        facts = models.pretrained(name)
        return Preprocessing(
            size=(facts.input_size, facts.input_size),
            crop=facts.crop,
            interpolation=facts.interpolation,
            mean=facts.mean,
            std=facts.std,
        )
    if name != models.without_tag(name):
        models.pretrained(name)  # raises, and names the tags that there are
    return Preprocessing(models.entry(name).input_shape[:2])


def _names_for(model: models.ImageModel, path: Path) -> tuple[str, ...]:
    names = read_label_file(path)
    if len(names) != model.num_classes:
        raise UserError(
            f"--labels={path} names {len(names)} classes, the network has {model.num_classes}"
        )
    return names


def _load(model: models.ImageModel, preprocessing: Preprocessing, state: Any) -> Any:
    """The model's variables with the weights of `state`; all of them, or an error."""
    shapes = models.abstract_variables(model, (*preprocessing.size, 3))
    # every leaf is replaced, so zeros do, and nothing random is drawn
    blank = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    variables, _ = models.load_weights(model, blank, state)
    return variables
