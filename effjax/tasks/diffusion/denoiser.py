"""The network of a diffusion: `config.model`, with what the images and the process need.

Shapes: H W space, C channels.
"""

from typing import Any

from effjax import models
from effjax.config import View
from effjax.data import Split
from effjax.diffusion import Ddpm, MeanFlow
from effjax.errors import UserError
from effjax.tasks.diffusion.latents import Latents
from effjax.tasks.diffusion.options import DiffusionConfig
from effjax.tasks.model_kind import check_kind
from effjax.tasks.network import create_model


def make_denoiser(
    config: View,
    options: DiffusionConfig,
    process: Any,
    split: Split | Latents,
    batch_axis: str | None,
) -> models.Denoiser:
    """The network that a run learns.

    Args:
      options: the keys of `config.task`.
      process: how images become noise.
      split: the training examples.
      batch_axis: the axis of devices that a batch is divided over; None: it is not.

    Raises:
      UserError: a classifier, fewer classes than the labels have, or anything that the model or
        the process refuses.
    """
    section = config.model
    classes = split.num_classes if section.num_classes is None else section.num_classes
    if 0 < classes < split.num_classes:
        raise UserError(
            f"config.model.num_classes = {classes}, but the labels have "
            f"{split.num_classes} classes; leave it out, or give 0 to learn without labels"
        )
    check_kind(section.name, "denoiser", config.task.name)
    fields = architecture_fields(section, process, split.image_shape)
    model = create_model(section, classes, batch_axis, **fields)
    _require_fitting(model, section.name, options, process)
    return model


def architecture_fields(
    section: View,
    process: Any,
    image_shape: tuple[int, int, int],
) -> dict[str, Any]:
    """What `config.model` says, and what the images [H, W, C] and the process need."""
    fields = section.extras("name", "num_classes", "dtype", "param_dtype", "arch")
    height, width, channels = image_shape
    wanted = {
        "in_chans": channels,
        "image_size": height if height == width else None,
        "learn_sigma": _learns_variance(process),
        "second_time": isinstance(process, MeanFlow),
    }
    known = models.default_fields(section.name)
    for name, value in wanted.items():
        if name in known and value is not None:
            fields.setdefault(name, value)
    return fields


def _learns_variance(process: Any) -> bool:
    return isinstance(process, Ddpm) and process.variance == "learned"


def _require_fitting(
    model: models.Denoiser,
    name: str,
    options: DiffusionConfig,
    process: Any,
) -> None:
    """Refuses a network that cannot do what the task asks of it."""
    a = model.architecture
    if _learns_variance(process) and not getattr(a, "learn_sigma", False):
        raise UserError("config.task.variance = 'learned' needs a model with learn_sigma=True")
    if isinstance(process, MeanFlow) and not getattr(a, "second_time", False):
        raise UserError(
            f"process 'meanflow' tells two times; {name} takes one\ngive a model such as dit_s_2"
        )
    if options.mask_ratio is not None and not model.can_hide():
        raise UserError(
            f"config.task.mask_ratio hides tokens; {name} cannot learn so\n"
            "give a model such as mdtv2_s_2, or leave mask_ratio out"
        )
    if options.label_dropout and not a.null_label:
        raise UserError("config.task.label_dropout needs a model with null_label=True")
