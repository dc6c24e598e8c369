"""The network that `config.model` describes, for the classes and images of the data."""

from typing import Any

from effjax import models
from effjax.config import View
from effjax.data import Split
from effjax.errors import UserError
from effjax.models.architecture import check_fields
from effjax.tasks.model_kind import check_kind


def build_classifier(
    config: View, split: Split, task: str, batch_axis: str | None
) -> models.ImageModel:
    """A network with an output for each class or target.

    Args:
      config: of the run.
      split: the training images.
      task: its name, for messages.
      batch_axis: the pmap axis over which batch statistics are averaged, or None.

    Raises:
      UserError: fewer classes than the labels have, or anything that the model refuses.
    """
    section = config.model
    check_kind(section.name, "classifier", task)
    if 0 < (section.num_classes or 0) < split.num_classes:
        raise UserError(
            f"config.model.num_classes = {section.num_classes}, but the labels have "
            f"{split.num_classes} classes; leave it out"
        )
    for key in ("dtype", "param_dtype"):
        if section[key] == "float16":
            raise UserError(
                f"config.model.{key} = 'float16': small gradients would become zero\n"
                "use bfloat16, which has the range of float32"
            )
    classes = section.num_classes or split.num_classes
    return create_model(section, classes, batch_axis, **architecture_fields(section, split))


def create_model(
    section: View, num_classes: int, batch_axis: str | None = None, **fields: Any
) -> models.ImageModel:
    """The model of a section `config.model`, its architecture given by `fields`.

    Raises:
      UserError: an unknown field, said as one of the section, or anything that the model refuses.
    """
    known = models.default_fields(section.name)
    check_fields(fields, known, f"config.model: model {section.name!r}")
    return models.create_model(
        section.name,
        num_classes=num_classes,
        dtype=section.dtype,
        param_dtype=section.param_dtype,
        batch_axis=batch_axis,
        **fields,
    )


def architecture_fields(section: View, split: Split) -> dict[str, Any]:
    """What `config.model` says of the architecture, and the size of images if they need it."""
    fields = section.extras("name", "num_classes", "dtype", "param_dtype", "arch")
    height, width, _ = split.image_shape
    takes_size = "image_size" in models.default_fields(section.name)
    if takes_size and height != width:
        # positions that are a list of tokens do not tell their grid
        fields.setdefault("image_size", (height, width))
    return fields
