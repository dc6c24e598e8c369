"""What the devices send each other in a compiled step, read from its HLO.

Bytes are counted for rings: of an array of S bytes over n devices each device sends 2 (n - 1) / n S
to reduce it to all, and (n - 1) / n S to gather, to reduce to owners, or to exchange it.
"""

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Sequence

_KINDS = "all-reduce|all-gather|reduce-scatter|all-to-all|collective-permute|collective-broadcast"
_OPERATION = re.compile(rf"= (?P<result>.+?) (?P<kind>{_KINDS})(?P<start>-start)?\((?P<rest>.*)$")
_ARRAY = re.compile(r"([a-z]+\d*(?:e\dm\d\w*)?)\[([\d,]*)\]")
# replica_groups=mesh['a'=4,'b'=2], device_ids=(...) {'a'}: groups along the axes in braces
_NAMED_GROUPS = re.compile(r"replica_groups=mesh\[(.*?)\](?:, device_ids=\(.*?\))? \{(.*?)\}")
_COMPUTATION = re.compile(r"^(?:ENTRY )?%?([\w.\-]+) \(.*\{$")
_WHILE = re.compile(r"\bwhile\(.*body=%?([\w.\-]+)")
_TRIPS = re.compile(r'known_trip_count"?:\{"?n"?:"?(\d+)')


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
        factor = {"all-reduce": 2 * (n - 1) / n, "reduce-scatter": n - 1, "collective-permute": 1}
        return self.times * self.bytes * factor.get(self.kind, (n - 1) / n)


def collectives(hlo: str, devices: int) -> list[Collective]:
    """The collectives of a compiled program's text, those over a single device left out.

    Args:
      hlo: `compiled.as_text()`.
      devices: that the program runs on.
    """
    times, computation = _trip_counts(hlo), ""
    found = []
    for line in hlo.splitlines():
        if head := _COMPUTATION.match(line):
            computation = head[1]
        if not (match := _OPERATION.search(line)):
            continue
        arrays = _ARRAY.findall(match["result"])
        if match["start"] and match["kind"] != "all-reduce":
            arrays = arrays[len(arrays) // 2 :]  # an asynchronous start names its operands too
        shapes = tuple(f"{kind}[{sizes}]" for kind, sizes in arrays)
        bytes_ = sum(_bytes(kind, sizes) for kind, sizes in arrays)
        group = _group_size(match["rest"], devices)
        if group > 1:
            repeats = times.get(computation, 1)
            found.append(Collective(match["kind"], shapes, bytes_, group, repeats))
    return found


def count_kinds(found: Sequence[Collective]) -> dict[str, int]:
    """{kind: how many operations}."""
    return dict(Counter(operation.kind for operation in found))


def collective_rows(found: Sequence[Collective]) -> list[tuple[str, str, str, str]]:
    """(kind over how many devices, operations, bytes of arrays, bytes sent by each device)."""
    from effjax.report import format_bytes

    rows = []
    for kind, group in sorted({(c.kind, c.devices) for c in found}):
        same = [c for c in found if (c.kind, c.devices) == (kind, group)]
        count = sum(c.times for c in same)
        size = sum(c.times * c.bytes for c in same)
        sent = sum(c.sent for c in same)
        rows.append((f"{kind} over {group}", f"{count}", format_bytes(size), format_bytes(sent)))
    return rows


def _trip_counts(hlo: str) -> dict[str, int]:
    """{computation: how often it runs}, of the bodies of loops."""
    inside, computation = {}, ""
    for line in hlo.splitlines():
        if head := _COMPUTATION.match(line):
            computation = head[1]
        if loop := _WHILE.search(line):
            trips = _TRIPS.search(line)
            inside[loop[1]] = computation, int(trips[1]) if trips else 1

    def times(name: str) -> int:
        outer, trips = inside.get(name, ("", 1))
        return trips * times(outer) if outer else 1

    return {name: times(name) for name in inside}


def _bytes(kind: str, sizes: str) -> int:
    bits = {"pred": 8, "bf16": 16}.get(kind) or int(re.search(r"\d+", kind)[0])
    return math.prod(int(size) for size in sizes.split(",") if size) * bits // 8


def _group_size(text: str, devices: int) -> int:
    if named := _NAMED_GROUPS.search(text):
        sizes = dict(re.findall(r"'(\w+)'=(\d+)", named[1]))
        axes = re.findall(r"'(\w+)'(?::\(\d+\)(\d+))?", named[2])
        return math.prod(int(part or sizes[axis]) for axis, part in axes)
    if iota := re.search(r"replica_groups=\[(\d+),(\d+)\]", text):
        return int(iota[2])
    if listed := re.search(r"replica_groups=\{\{([\d,]+)\}", text):
        return len(listed[1].split(","))
    if pairs := re.search(r"source_target_pairs=\{(.*?)\}\}", text):
        moves = re.findall(r"(\d+),(\d+)", pairs[1])
        return devices if any(a != b for a, b in moves) else 1
    return devices
