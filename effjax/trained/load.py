"""A trained classifier out of a run's folder, of a weights file, or by a published name."""

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from effjax import models
from effjax.config import as_path
from effjax.data.class_names import IMAGENET_CLASSES, imagenet_names
from effjax.data.images.resize import image_size
from effjax.errors import UserError
from effjax.models.registry import published_name
from effjax.models.weights.convert import as_model
from effjax.models.weights.files import TORCH_FILES
from effjax.plugins import refused
from effjax.report import Display, choose_display
from effjax.runs.best import Step, split_network, split_step
from effjax.runs.folder import CONFIG
from effjax.runs.record import read_labels, read_record
from effjax.tasks.trained_network import described_network, found_network, has_found
from effjax.trained.card import read_card
from effjax.trained.labels import fill_names, read_label_file
from effjax.trained.meaning import ONE_CLASS, Meaning, recorded_meaning
from effjax.trained.network import Preprocessing, Trained

WEIGHTS = (".safetensors", *TORCH_FILES)


def load(
    source: str | Path,
    *,
    model: str | None = None,
    step: Step = None,
    labels: Sequence[str] | str | Path | None = None,
    size: int | None = None,
    plugins: bool = True,
) -> Trained:
    """A trained network, ready for use.

        run = effjax.load("runs/photos")
        run.predict("holiday/").labels
        run.features(images, layer="pooled")
        run.model.apply(run.variables, run.preprocess(images))

    Args:
      source: a run's folder ("runs/photos", "runs/photos:best", "runs/photos:average:5"), a weights
        file (.safetensors, .pth) or published weights ("caformer_s18.sail_in1k").
      model: of a weights file without a companion: its architecture.
      step: of a run: which checkpoint, as "runs/photos:best" says it too; None: the newest.
      labels: of weights: the names of the classes, or a file with one a line.
      size: of weights: side of the square images; None: what they were published for.
      plugins: whether code of your own that the run names may be imported, see `effjax.plugins`.

    Raises:
      UserError: nothing of that name, no checkpoint that can be loaded, weights that do not fit, or
        an argument that does nothing there.
    """
    text = str(source)
    place, network = split_network(text)
    place, named_step = split_step(place)
    folder = as_path(place)
    is_run = folder.is_dir() or (folder / CONFIG).exists()
    _refuse_unused(is_run, {"model": model, "labels": labels, "size": size}, step)
    display = choose_display(quiet=True)  # warnings only
    with contextlib.closing(display), refused(not plugins):
        if is_run:
            step = named_step if step is None else step
            return from_workdir(folder, display, step, network)
        if as_path(text).is_file() or text.startswith("hub:"):
            return from_weights(model, text, labels, size)
        if "/" in text or text.endswith(WEIGHTS) or model is not None:
            raise UserError(
                f"{text}: there is no such run or file\n"
                "give a run's folder, a .safetensors or .pth file, or published weights"
            )
        return from_weights(published_name(text), None, labels, size)


def _refuse_unused(is_run: bool, of_weights: dict[str, Any], step: Step) -> None:
    given = [name for name, value in of_weights.items() if value is not None]
    if is_run and given:
        raise UserError(f"effjax.load: {given[0]} is for weights; a run knows its own")
    if not is_run and step is not None:
        raise UserError("effjax.load: step is for runs; weights have one state only")


def from_workdir(
    workdir: Path, display: Display, step: Step = None, network: str | None = None
) -> Trained:
    """The network of a run of classes, labels or numbers: its average, if it has one.

    Of a search it is the network that it found. Needs the run's folder only, not the data that it
    was trained on.

    Args:
      workdir: the run's folder.
      display: where damaged checkpoints are named.
      step: of the checkpoint; None: the newest.
      network: "student" or "teacher" of a run without labels; None: the one that it hands on.

    Raises:
      UserError: no run there, no sound checkpoint, or a run of another kind of task.
    """
    names = tuple(read_labels(workdir))
    if has_found(workdir):
        model, variables, config = found_network(workdir, step)
        weights = "what the search found"
    else:
        task, variables, weights = described_network(workdir, step, display, network)
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
        weights=weights,
        meaning=recorded_meaning(read_record(workdir), workdir),
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
    labels: Sequence[str] | str | Path | None = None,
    size: int | None = None,
) -> Trained:
    """The network `name` with the weights of a file.

    What `effjax export --format=safetensors` wrote beside the file (architecture, preprocessing,
    labels) is read; a published name such as "caformer_s18.sail_in1k" brings its own preprocessing,
    and its weights if none are given.

    Args:
      name: a registered architecture or published weights; None: as the file's companion says.
      weights: see `load_weights`; None: the published ones of `name`.
      labels: class names; or a text file with one a line, or a JSON list of them.
      size: side of the square images; None: what the weights were published for.

    Raises:
      UserError: weights that do not fit, or a wrong number of labels.
    """
    if name is None and weights is None:
        raise UserError("which network? give --workdir=D, or --model=M with --weights=F")
    place = models.weights.fetch_with_companion(weights) if weights else None
    card = read_card(place) if place else None
    if name is None and card is None:
        raise UserError(
            f"--weights={weights} does not say which model it belongs to; give --model=M\n"
            "list: effjax models"
        )
    state = models.weights.read_state(place or models.weights.fetch(name))
    found = _described(name, card, state)
    model = found.model
    preprocessing = found.preprocessing
    names = found.labels
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
        weights=str(weights or name),
        meaning=found.meaning,
    )


@dataclasses.dataclass(frozen=True)
class Described:
    """What is known of weights before they are put into the model; see `Trained`."""

    model: models.ImageModel
    preprocessing: Preprocessing
    labels: tuple[str, ...]
    meaning: Meaning


def _described(name: str | None, card: dict[str, Any] | None, state: Any) -> Described:
    """As the companion says, if it fits; else as the name was published."""
    # --model=M wins over the companion where it names another family; within one family the
    # companion knows which fields were changed
    if card and (name is None or _same_family(name, card["model"])):
        model = models.create_model(card["model"], card["num_classes"], **card["architecture"])
        return Described(model, card["preprocessing"], tuple(card["labels"]), card["meaning"])
    model = as_model(name, state)
    # published weights of 1,000 classes are ImageNet's, in its order
    is_published = name in models.list_models(pretrained=True)
    is_imagenet = is_published and model.num_classes == IMAGENET_CLASSES
    names = imagenet_names() if is_imagenet else ()
    return Described(model, _published_preprocessing(name), names, ONE_CLASS)


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


def _names_for(model: models.ImageModel, labels: Sequence[str] | str | Path) -> tuple[str, ...]:
    is_file = isinstance(labels, str | Path)
    names = read_label_file(Path(labels)) if is_file else tuple(labels)
    if len(names) != model.num_classes:
        where = labels if is_file else "..."
        raise UserError(
            f"--labels={where} names {len(names)} classes, the network has {model.num_classes}"
        )
    return names


def _load(model: models.ImageModel, preprocessing: Preprocessing, state: Any) -> Any:
    """The model's variables with the weights of `state`; all of them, or an error."""
    shapes = models.abstract_variables(model, (*preprocessing.size, 3))
    # every leaf is replaced, so zeros do, and nothing random is drawn
    blank = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    variables, _ = models.load_weights(model, blank, state)
    return variables
