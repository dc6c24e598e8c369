"""From a registered name, or a file, to a model."""

from typing import Any

import jax.numpy as jnp

from effjax.errors import UserError, nearest
from effjax.kinds import Misfit, fit
from effjax.models.architecture import Classes, override
from effjax.models.architecture_file import read_architecture
from effjax.models.base import ImageModel
from effjax.models.registry import entry, published_name
from effjax.models.weights.load import From

DTYPES = {
    "float32": jnp.float32,
    "bfloat16": jnp.bfloat16,
    "float16": jnp.float16,
    "float64": jnp.float64,
}
# what others call them; by their letters alone "bf16" is as close to "float16"
SHORT = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32", "fp64": "float64"}


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
            "float16" is for use, not for training: without loss scaling small gradients are lost.
        param_dtype: of the parameters.
        batch_axis: the pmap axis over which BatchNorm averages.
        pretrained: `init` of the model returns the published weights `name`, "architecture.tag"; of
            an architecture alone, those listed first. A file or "hub:..." stands for itself.
        architecture_fields: see `default_fields(name)`; lists become tuples, and a scalar in the
            place of a tuple with one entry for each stage serves all stages.

    Raises UserError for an unknown model or field, for a value of the wrong type or length, and for
    a number out of its range.
    """
    if name.endswith(".json"):
        name, fields = read_architecture(name)
        architecture_fields = fields | architecture_fields
    found = entry(name)
    weights = None
    if pretrained:
        weights = From(pretrained if isinstance(pretrained, str) else published_name(name))
    return found.model(
        architecture=override(found.architecture, architecture_fields, f"model {name!r}"),
        num_classes=_number_of_classes(num_classes),
        dtype=_float_dtype("dtype", dtype),
        param_dtype=_float_dtype("param_dtype", param_dtype),
        batch_axis=batch_axis,
        weights=weights,
    )


def _number_of_classes(value: Any) -> int:
    try:
        return fit(value, Classes)
    except Misfit as problem:
        raise UserError(
            f"num_classes={value!r}: expected {problem}\ngive the number of classes of the data"
        ) from None


def _float_dtype(field: str, name: str) -> jnp.dtype:
    if name in SHORT:
        raise UserError(f"{field}={name!r}: did you mean {SHORT[name]!r}?")
    if name not in DTYPES:
        raise UserError(f"{field}={name!r}: {nearest(str(name), DTYPES)}")
    return jnp.dtype(DTYPES[name])
