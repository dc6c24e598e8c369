"""The formats: how a network is written to a file, and how that file is run.

Every file takes uint8 RGB images [B, H, W, 3], resized and cropped, B free, and gives logits
[B, K] float32: the normalisation of the pixels is inside (of `WholeImages` resizing and cropping
too). What is written is what is run: `run`
opens the file as a program without effjax would.

Shapes: B batch, H W space, K classes.
"""

import contextlib
import dataclasses
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.compress.quantised import bits_of, stored
from effjax.errors import UserError
from effjax.export.plain import plain
from effjax.export.quantised_onnx import arrange, marked
from effjax.export.whole_images import input_size
from effjax.models import save_weights
from effjax.trained.load import from_weights
from effjax.trained.network import Trained

Run = Callable[[np.ndarray], np.ndarray]
PLATFORMS = ("cpu", "cuda", "tpu")
INPUT = "images"
JAX2ONNX = (
    "pip install 'effjax[export]' -c constraints.txt\n"
    "pip install --no-deps jax2onnx==0.17.1    (alone: it would take back orbax-checkpoint)"
)


@dataclasses.dataclass(frozen=True)
class Format:
    """One way to write a network.

    Attributes:
      ending: of the file.
      write: (network, path) -> None.
      open: (path) -> the function that the file holds.
      tolerance: the largest difference of a logit that is rounding, where logits are of order 1.
        XLA rounds otherwise where the weights are constants: 1.7e-6 with batch norm.
    """

    ending: str
    write: Callable[[Trained, Path], None]
    open: Callable[[Path], Run]
    tolerance: float


def output_name(trained: Trained) -> str:
    """What a file calls what the network gives."""
    return "features" if trained.gives == "features" else "logits"


def write_stablehlo(trained: Trained, path: Path) -> None:
    """By `jax.export`, for the platforms PLATFORMS, the weights inside."""
    try:
        import flatbuffers  # noqa: F401  jax.export serialises with it
    except ImportError:
        raise UserError(
            "StableHLO files need flatbuffers: pip install 'effjax[export]' -c constraints.txt"
        ) from None
    from jax import export

    trained = dataclasses.replace(trained, model=stored(trained.model))

    def logits(images: jax.Array) -> jax.Array:
        return trained.logits(trained.variables, images)  # the weights become constants

    export_for = export.export(jax.jit(logits), platforms=PLATFORMS)
    exported = export_for(_images(trained))
    path.write_bytes(exported.serialize())


def _images(trained: Trained) -> jax.ShapeDtypeStruct:
    """uint8 [B, H, W, 3] with B free."""
    from jax.export import symbolic_shape

    (batch,) = symbolic_shape("B")
    return jax.ShapeDtypeStruct((batch, *input_size(trained), 3), jnp.uint8)


def open_stablehlo(path: Path) -> Run:
    """The function of a file that `write_stablehlo` wrote."""
    from jax import export

    exported = export.deserialize(bytearray(path.read_bytes()))
    function = jax.jit(exported.call)
    return lambda images: np.asarray(function(images))


def write_onnx(trained: Trained, path: Path) -> None:
    """By jax2onnx."""
    try:
        import onnx
        import onnxruntime  # noqa: F401  the check needs it
        from jax2onnx import to_onnx
    except ImportError as error:
        raise UserError(f"ONNX needs {error.name}, installed in two steps:\n{JAX2ONNX}") from None
    trained = marked(trained)

    def logits(images: jax.Array) -> jax.Array:
        return trained.logits(trained.variables, images)

    images = _images(trained)
    function = plain(logits, images)
    with _quiet("onnx_ir", "jax2onnx", "root"):
        network = to_onnx(function, [images])
    # jax2onnx numbers its values: names of ours tell a program what to feed and to fetch
    names = {
        network.graph.input[0].name: INPUT,
        network.graph.output[0].name: output_name(trained),
    }
    _rename(network, names)
    if bits_of(trained.model) is not None:
        arrange(network)
    network.producer_name = "effjax"
    onnx.save(network, str(path))


def _rename(network: Any, names: dict[str, str]) -> None:
    """Gives values of an ONNX graph other names, wherever they stand."""
    graph = network.graph
    for value in (*graph.input, *graph.output):
        value.name = names.get(value.name, value.name)
    # nodes refer to values by their names alone
    for node in graph.node:
        for side in (node.input, node.output):
            side[:] = [names.get(name, name) for name in side]


@contextlib.contextmanager
def _quiet(*names: str) -> Iterator[None]:
    """Only errors from these loggers: the converter remarks on every constant."""
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)


def open_onnx(path: Path) -> Run:
    """The function of an ONNX file, by ONNX Runtime on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    # of all outputs, which are one
    return lambda images: session.run(None, {INPUT: images})[0]


def write_safetensors(trained: Trained, path: Path) -> None:
    """The weights alone, with timm's names; `effjax predict --weights=F` and timm load them.

    Raises:
      UserError: a network of fewer bits, whose rounding such a file cannot say.
    """
    if bits_of(trained.model) is not None:
        raise UserError(
            "a safetensors file holds weights in floating point; this network has fewer bits\n"
            "give --format=onnx or --format=stablehlo"
        )
    save_weights(trained.model, trained.variables, path)


def open_safetensors(path: Path) -> Run:
    """The network as `effjax predict --weights=F` makes it of the file and its companion."""
    trained = from_weights(None, str(path))
    function = jax.jit(trained.logits)
    return lambda images: np.asarray(function(trained.variables, images))


FORMATS = {
    "stablehlo": Format(
        ".stablehlo",
        write_stablehlo,
        open_stablehlo,
        tolerance=1e-5,
    ),
    # another library's kernels add in another order
    "onnx": Format(
        ".onnx",
        write_onnx,
        open_onnx,
        tolerance=1e-4,
    ),
    # the same program on the same weights
    "safetensors": Format(
        ".safetensors",
        write_safetensors,
        open_safetensors,
        tolerance=1e-6,
    ),
}
