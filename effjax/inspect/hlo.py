"""The text of a compiled program (HLO), taken apart: computations, instructions, arrays.

An instruction is one line of such text:

    %y = bf16[32,56,56,64]{3,2,1,0:T(8,128)(2,1)S(1)} fusion(%x, %w), kind=kLoop, calls=%inner, ...

The braces are the layout: the axes from the fastest to the slowest, tiles that pad the fastest ones
(T), and the memory that the array lies in (S): 0 or nothing is that of the chip (HBM), 1 is on the
chip itself, others hold flags.
"""

import dataclasses
import math
import re
from collections.abc import Sequence

_COMPUTATION = re.compile(r"^(?:ENTRY )?%?([\w.\-]+) \(.*\{$")
_INSTRUCTION = re.compile(
    r"^\s+(?:ROOT )?%?(?P<name>[\w.\-]+) = (?P<type>.+?) (?P<opcode>[a-z][\w\-]*)\((?P<rest>.*)$"
)
_COMMENT = re.compile(r"/\*.*?\*/")  # /*index=5*/, in long lists
_OPERAND = re.compile(r"%([\w.\-]+)")
_CALLED = re.compile(r"\b(?:calls|body|to_apply)=%?([\w.\-]+)")
_OP_NAME = re.compile(r'op_name="([^"]*)"')
_CYCLES = re.compile(r'"estimated_cycles":"(\d+)"')
_TRIPS = re.compile(r'known_trip_count"?:\{"?n"?:"?(\d+)')
_ARRAY = re.compile(r"([a-z]+\d*(?:e\dm\d\w*)?)\[([\d,]*)\](?:\{([^}]*)\})?")
_TILE = re.compile(r"T\(([\d,]+)\)")
_SPACE = re.compile(r"S\((\d+)\)")

HBM, ON_CHIP = 0, 1


@dataclasses.dataclass(frozen=True)
class StoredArray:
    """An array as it lies in a memory.

    Attributes:
      dtype: "bf16", "f32", "pred", ...
      shape: its sizes, without padding.
      bytes: with the padding of its tiles.
      space: 0 for HBM, 1 for memory on the chip, others for flags.
    """

    dtype: str
    shape: tuple[int, ...]
    bytes: int
    space: int

    @property
    def type(self) -> str:
        """ "f32[64,32]"."""
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"

    @property
    def bytes_of_entries(self) -> int:
        """Without padding."""
        return _bytes(self.shape, self.dtype)


@dataclasses.dataclass(frozen=True)
class Instruction:
    """One line of a program.

    Attributes:
      name: its own, without the percent sign.
      opcode: "fusion", "copy-start", "convolution", ...
      arrays: what it gives; several for a tuple.
      operands: names of the instructions that it reads.
      called: names of the computations that it runs.
      op_name: where it comes from, as JAX wrote it: "jit(step)/jvp(Net)/stem/add"; "" if unknown.
      cycles: that the compiler expects; None where it says nothing.
      trips: of a loop; 1 where the compiler does not know them, which is too few.
      line: the whole line.
    """

    name: str
    opcode: str
    arrays: tuple[StoredArray, ...]
    operands: tuple[str, ...]
    called: tuple[str, ...]
    op_name: str
    cycles: int | None
    trips: int
    line: str


@dataclasses.dataclass(frozen=True)
class Program:
    """Computations by name, each a list of instructions, and which of them is run first."""

    computations: dict[str, list[Instruction]]
    entry: str


def parse_hlo(text: str) -> Program:
    """Reads `compiled.as_text()`; what is no instruction (tables of source lines) is left out.

    Raises ValueError if the text has no entry computation.
    """
    computations: dict[str, list[Instruction]] = {}
    entry = None
    inside: list[Instruction] | None = None
    for line in text.splitlines():
        head = _COMPUTATION.match(line)
        if head:
            inside = computations.setdefault(head[1], [])
            if line.startswith("ENTRY"):
                entry = head[1]
        elif line.startswith("}"):
            inside = None
        elif inside is not None:
            instruction = _parse_line(line)
            if instruction is not None:
                inside.append(instruction)
    if entry is None:
        raise ValueError("expected the text of a compiled program, with a line ENTRY: found none")
    return Program(computations, entry)


def parse_arrays(text: str) -> tuple[StoredArray, ...]:
    """The arrays of a type such as "(f32[64]{0:T(128)S(1)}, bf16[])"."""
    return tuple(_stored(*found) for found in _ARRAY.findall(text))


def _parse_line(line: str) -> Instruction | None:
    match = _INSTRUCTION.match(_COMMENT.sub("", line))
    if match is None:
        return None
    operands, _, attributes = match["rest"].partition(")")
    op_name = _OP_NAME.search(attributes)
    cycles = _CYCLES.search(attributes)
    trips = _TRIPS.search(attributes)
    return Instruction(
        name=match["name"],
        opcode=match["opcode"],
        arrays=parse_arrays(match["type"]),
        operands=tuple(_OPERAND.findall(operands)),
        called=tuple(_CALLED.findall(attributes)),
        op_name=op_name[1] if op_name else "",
        cycles=int(cycles[1]) if cycles else None,
        trips=int(trips[1]) if trips else 1,
        line=line,
    )


def _stored(dtype: str, sizes: str, layout: str) -> StoredArray:
    shape = tuple(int(size) for size in sizes.split(",") if size)
    order, _, rest = layout.partition(":")
    # the text begins with the fastest axis
    axes = [int(axis) for axis in order.split(",") if axis] or reversed(range(len(shape)))
    physical = [shape[axis] for axis in axes]
    tile = _TILE.search(rest)
    if tile and physical:
        # its last side is that of the fastest axis; each axis is filled up to whole tiles
        sides = [int(side) for side in tile[1].split(",")]
        for place, side in enumerate(reversed(sides[-len(physical) :])):
            physical[place] = math.ceil(physical[place] / side) * side
    space = _SPACE.search(rest)
    size = _bytes(physical, dtype)
    return StoredArray(dtype, shape, size, int(space[1]) if space else HBM)


def _bytes(shape: Sequence[int], dtype: str) -> int:
    # bits first: int4 is half a byte
    return math.prod(shape) * _bits(dtype) // 8


def _bits(dtype: str) -> int:
    if dtype == "token":
        return 0
    number = re.search(r"\d+", dtype)  # the first: f8e4m3 has 8
    return int(number[0]) if number else 8  # a boolean fills a byte
