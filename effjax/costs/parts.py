"""Measured milliseconds of networks, put together from their parts.

A network's stem, blocks, downsamplings and head (as its family's `layout` states them) are measured
one by one, each only once for all networks that contain it. The sum is the latency of a network. It
compares networks: a whole one was up to a third faster or slower (benchmarks/RESULTS.md).

A table is a JSON file: {"device", "jax", "batch_size", "parts": {key: {"ms", "what"}}}. It belongs
to one machine.
"""

import dataclasses
import functools
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from effjax.costs.latency import measure_ms
from effjax.errors import UserError
from effjax.models import ImageModel

REMEDY = "write one: effjax profile --config=F --latency-table=OUT.json"


@dataclasses.dataclass(frozen=True)
class Part:
    """One part of a network.

    Attributes:
      module: not bound to a network.
      arguments, keywords: of its call; arrays are given as their shapes.
      what: in words, for the table.
      key: the same for parts that compute the same on arrays of the same shapes.
    """

    module: nn.Module
    arguments: tuple
    keywords: Mapping[str, Any]
    what: str
    key: str


def parts_of(
    model: ImageModel,
    input_shape: tuple[int, int, int],
    batch_size: int,
) -> list[Part]:
    """The parts of a network in the order of their calls; the network itself if it states none."""
    images = jax.ShapeDtypeStruct((batch_size, *input_shape), jnp.float32)
    if model.layout is None:
        return [_part(model, (images,), {})]
    names = model.layout.part_depths(model.stage_depths())
    # by path: a head's norm that serves features too runs once for logits
    calls: dict[str, tuple[nn.Module, tuple, dict]] = {}

    def record(
        call: Callable[..., Any],
        args: tuple,
        kwargs: dict,
        context: nn.module.InterceptorContext,
    ) -> Any:
        module = context.module
        path = "/".join(module.path)
        if path in names and path not in calls and context.method_name == "__call__":
            # no part contains another one
            alone = module.clone(parent=None, name=None)
            calls[path] = (alone, jax.tree.map(_shape, args), jax.tree.map(_shape, kwargs))
        return call(*args, **kwargs)

    with nn.intercept_methods(record):
        jax.eval_shape(model.init, jax.random.key(0), images)
    return [_part(*call) for call in calls.values()]


def _shape(value: Any) -> Any:
    if isinstance(value, jax.Array | jax.ShapeDtypeStruct):
        return jax.ShapeDtypeStruct(value.shape, value.dtype)
    return value


def _part(
    module: nn.Module,
    arguments: tuple,
    keywords: Mapping[str, Any],
) -> Part:
    """A part with the key of what it computes."""
    init = functools.partial(module.init, **keywords)
    variables = jax.eval_shape(init, jax.random.key(0), *arguments)
    apply = functools.partial(module.apply, **keywords)
    program = str(jax.make_jaxpr(apply)(variables, *arguments))
    # addresses of functions differ from run to run
    program = re.sub(r"0x[0-9a-f]+", "", program)
    key = hashlib.sha256(program.encode()).hexdigest()[:16]
    shapes = []
    for leaf in jax.tree.leaves(arguments):
        shapes.append("x".join(map(str, leaf.shape)))
    return Part(module, arguments, keywords, f"{_describe(module)} on {', '.join(shapes)}", key)


def _describe(module: nn.Module) -> str:
    """The module's class, with its token mixer and its window where it has them."""
    details = []
    for field in ("mixer", "kernel_size"):
        if hasattr(module, field):
            details.append(str(getattr(module, field)))
    name = type(module).__name__
    return f"{name}({', '.join(details)})" if details else name


def measure_part(part: Part) -> float:
    """Milliseconds of one evaluation of a part on the first device, the best of several."""
    init = functools.partial(part.module.init, **part.keywords)
    variables = jax.eval_shape(init, jax.random.key(0), *part.arguments)

    def filled(leaf: Any) -> jax.Array:
        # what the numbers are makes no difference to the time, and drawing them takes a program
        return jnp.full(leaf.shape, 0.1, leaf.dtype)

    variables = jax.tree.map(filled, variables)
    arguments = jax.tree.map(filled, part.arguments)
    apply = functools.partial(part.module.apply, **part.keywords)
    return measure_ms(apply, (variables, *arguments))


# --------------------------------------------------------------------------------------- a table


class PartsTable:
    """What was measured on one machine; parts that are missing are measured when they are met.

    Args:
      path: of the file; what is measured is added to it.
      batch_size: images of one call.
      measure: part -> milliseconds.

    Raises:
      UserError: the file is something else, or was measured with another batch size.
    """

    def __init__(
        self,
        path: Path,
        batch_size: int,
        measure: Callable[[Part], float] = measure_part,
    ):
        self.path = path
        self.batch_size = batch_size
        self._measure = measure
        self.parts: dict[str, dict[str, Any]] = {}
        if path.exists():
            self._read()

    def latency(
        self,
        model: ImageModel,
        input_shape: tuple[int, int, int],
    ) -> float:
        """Milliseconds of a network for a batch of images [H, W, C]: the sum of its parts."""
        return sum(self.of(part) for part in parts_of(model, input_shape, self.batch_size))

    def of(self, part: Part) -> float:
        """Milliseconds of a part, measured now if they are not known."""
        if part.key not in self.parts:
            milliseconds = round(self._measure(part), 6)
            self.parts[part.key] = {"ms": milliseconds, "what": part.what}
            self.write()
        return self.parts[part.key]["ms"]

    def write(self) -> None:
        """Writes the file; raises UserError where the disk refuses."""
        device = jax.devices()[0]
        data = {
            "device": f"{device.platform}:{device.device_kind}",
            "jax": jax.__version__,
            "batch_size": self.batch_size,
            "parts": self.parts,
        }
        part_file = self.path.with_suffix(".part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part_file.write_text(json.dumps(data, indent=1) + "\n")
            # by rename: a measurement that is interrupted leaves the old file
            part_file.replace(self.path)
        except OSError as error:
            raise UserError(f"cannot write {self.path}: {error.strerror}") from error

    def _read(self) -> None:
        try:
            data = json.loads(self.path.read_text())
            batch_size = int(data["batch_size"])
            parts = {key: {**part, "ms": float(part["ms"])} for key, part in data["parts"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UserError(f"{self.path} is no table of latencies ({error})\n{REMEDY}") from error
        for key, part in parts.items():
            if not 0 <= part["ms"] < float("inf"):
                raise UserError(f"{self.path}: {part['ms']} of {key} is no time\n{REMEDY}")
        if batch_size != self.batch_size:
            raise UserError(
                f"{self.path} was measured with batches of {batch_size}, "
                f"config.data.batch_size = {self.batch_size}\n{REMEDY}"
            )
        self.parts = parts
