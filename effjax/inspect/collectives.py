"""What the devices send each other in a compiled step, read from its HLO.

Bytes are counted for rings: of an array of S bytes over n devices each device sends 2 (n - 1) / n S
to reduce it to all, and (n - 1) / n S to gather, to reduce to owners, or to exchange it.
"""

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Sequence

from effjax.inspect.hlo import Program, parse_hlo

KINDS = (
    "all-reduce",
    "all-gather",
    "reduce-scatter",
    "all-to-all",
    "collective-permute",
    "collective-broadcast",
)
# replica_groups=mesh['a'=4,'b'=2], device_ids=(...) {'a'}: groups along the axes in braces
_NAMED_GROUPS = re.compile(r"replica_groups=mesh\[(.*?)\](?:, device_ids=\(.*?\))? \{(.*?)\}")


@dataclasses.dataclass(frozen=True)
class Collective:
    """One collective operation of a step.

    Attributes:
      kind: "all-reduce", "all-gather", ...
      shapes: of the results, "f32[64,32]".
      bytes: of the results on one device.
      devices: how many take part in each group.
      times: how often it runs in a step (more than once in a loop).
    """

    kind: str
    shapes: tuple[str, ...]
    bytes: int
    devices: int
    times: int = 1

    @property
    def sent(self) -> float:
        """Bytes that each device sends in a step."""
        n = self.devices
        once_around = (n - 1) / n
        factors = {
            "all-reduce": 2 * (n - 1) / n,
            # `bytes` are of the result, which is one n-th of what is reduced
            "reduce-scatter": n - 1,
            "collective-permute": 1,
        }
        factor = factors.get(self.kind, once_around)
        return self.times * self.bytes * factor


def collectives(hlo: str, devices: int) -> list[Collective]:
    """The collectives of a compiled program's text, those over a single device left out.

    Args:
      hlo: `compiled.as_text()`.
      devices: that the program runs on.
    """
    program = parse_hlo(hlo)
    times = _times(program)
    found = []
    for computation, instructions in program.computations.items():
        for instruction in instructions:
            kind = instruction.opcode.removesuffix("-start")
            if kind not in KINDS:
                continue
            group = _group_size(instruction.line, devices)
            if group <= 1:  # nobody to send to
                continue
            arrays = instruction.arrays
            if instruction.opcode.endswith("-start") and kind != "all-reduce":
                # an asynchronous start names its operands too, before the results
                arrays = arrays[len(arrays) // 2 :]
            operation = Collective(
                kind=kind,
                shapes=tuple(array.type for array in arrays),
                bytes=sum(array.bytes_of_entries for array in arrays),
                devices=group,
                times=times.get(computation, 1),
            )
            found.append(operation)
    return found


def count_kinds(found: Sequence[Collective]) -> dict[str, int]:
    """{kind: how many operations}."""
    return dict(Counter(operation.kind for operation in found))


def collective_rows(found: Sequence[Collective]) -> list[tuple[str, str, str, str]]:
    """(kind over how many devices, operations, bytes of arrays, bytes sent by each device)."""
    from effjax.report import format_bytes

    together: dict[tuple[str, int], list[Collective]] = {}
    for operation in found:
        key = (operation.kind, operation.devices)
        together.setdefault(key, []).append(operation)
    rows = []
    for kind, group in sorted(together):
        same = together[kind, group]
        count = sum(operation.times for operation in same)
        size = sum(operation.times * operation.bytes for operation in same)
        sent = sum(operation.sent for operation in same)
        row = (
            f"{kind} over {group}",
            f"{count}",
            format_bytes(size),
            format_bytes(sent),
        )
        rows.append(row)
    return rows


def _times(program: Program) -> dict[str, int]:
    """{computation: how often it runs}, of the bodies of loops."""
    outer: dict[str, str] = {}  # body of a loop: the computation that the loop is in
    trips: dict[str, int] = {}  # body of a loop: how often it runs in one run of the loop
    for computation, instructions in program.computations.items():
        for instruction in instructions:
            if instruction.opcode == "while":
                (body,) = instruction.called
                outer[body] = computation
                trips[body] = instruction.trips

    def times(name: str) -> int:
        # loops in loops: the counts multiply
        return trips[name] * times(outer[name]) if name in outer else 1

    return {body: times(body) for body in outer}


def _group_size(text: str, devices: int) -> int:
    """How many devices take part in each group; XLA has four ways to write it."""
    named = _NAMED_GROUPS.search(text)
    if named:
        sizes = dict(re.findall(r"'(\w+)'=(\d+)", named[1]))
        # 'a':(2)4 is a part of axis 'a' with 4 devices
        axes = re.findall(r"'(\w+)'(?::\(\d+\)(\d+))?", named[2])
        return math.prod(int(part or sizes[axis]) for axis, part in axes)
    # [3,4]: 3 groups of 4
    iota = re.search(r"replica_groups=\[(\d+),(\d+)\]", text)
    if iota:
        return int(iota[2])
    # {{0,1},{2,3}}: the groups are equally large, the first one says it
    listed = re.search(r"replica_groups=\{\{([\d,]+)\}", text)
    if listed:
        return len(listed[1].split(","))
    pairs = re.search(r"source_target_pairs=\{(.*?)\}\}", text)
    if pairs:
        moves = re.findall(r"(\d+),(\d+)", pairs[1])
        # a device that sends to itself sends nothing
        anything_sent = any(source != target for source, target in moves)
        return devices if anything_sent else 1
    return devices
