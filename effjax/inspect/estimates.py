"""What XLA for TPUs expects of a compiled step: cycles and bytes to and from HBM, by operation.

The compiler writes into its optimised HLO how many cycles it expects of each operation, and where
each array lies. Both are its plan, not a measurement: the cycles come from its own model of the
chip, which takes operations one after another, and the bytes assume that an operation reads and
writes each of its arrays once.
"""

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from effjax.inspect.hlo import HBM, ON_CHIP, Instruction, Program, parse_hlo

# Of these nothing moves: names for arrays, or the end of a transfer that was counted at its start.
_FREE = {"parameter", "constant", "tuple", "get-tuple-element", "bitcast", "while", "conditional"}
_FREE |= {"after-all", "partition-id", "replica-id", "call"}
_NAMES_ONLY = ("ConcatBitcast", "AllocateBuffer")  # custom calls that move nothing
_EXCHANGES = re.compile(r"^(all-|reduce-scatter|collective-|send|recv)")
_LAYOUT = {"copy", "transpose", "reshape", "pad", "slice", "concatenate", "bitcast", "parameter"}
_LAYOUT |= {"constant", "tuple", "broadcast", "dynamic-slice", "copy-start", "slice-start"}
_LAYOUT |= {"get-tuple-element", "async-start", "reverse"}

# Between two places on the chip XLA has no price for turning an array around: it writes 100 cycles
# for each window, whatever that holds. Where it has one, 1,024 elements take 15 to 25 cycles.
_NO_PRICE = 100
_CYCLES_OF_1024 = 15
_WINDOWS = re.compile(r'"iteration_bounds":\[([^\]]*)\]')

_WRAPPED = re.compile(r"^(?:\w+\()+(.*?)\)+$")  # transpose(jvp(Net)) holds Net


@dataclasses.dataclass(frozen=True)
class Operation:
    """One operation of a step, which may hold several that XLA has fused.

    Attributes:
      name: of its instruction.
      module: of the network that most of it comes from, "stages_0/blocks_1/norm1"; "" if unknown.
      kind: one of `KINDS`.
      direction: "forward", "backward" or "update" (the rest of the step: mixing, the optimizer).
      cycles: that the compiler expects of one run.
      bytes: to and from HBM in one run.
      times: how often it runs in a step (more than once in a loop).
    """

    name: str
    module: str
    kind: str
    direction: str
    cycles: int
    bytes: int
    times: int = 1


KINDS = {
    "matrix": "a product of matrices or a dense convolution, and what is fused with it",
    "depthwise": "a convolution in groups or by banded matrices, or a sum over windows",
    "attention": "what lies between the products of attention: softmax, heads",
    "norm": "a norm and its gradient",
    "activation": "an activation and its gradient",
    "reduction": "a sum outside of norms, such as the gradient of a scalar",
    "residual": "scales of branches and skips, stochastic depth",
    "layout": "copies and transposes: nothing is computed",
    "transfer": "between HBM and the chip, while other operations run",
    "conversion": "from one type to another",
    "exchange": "between chips",
    "other": "the rest: mixing of images, random numbers, the optimizer",
}


def estimates(hlo: str) -> list[Operation]:
    """The operations of a compiled program's text that take time or touch HBM.

    Raises ValueError if no operation has an estimate: the compiler was another one.
    """
    program = parse_hlo(hlo)
    found = []
    for instruction, known, times in _scheduled(program, program.entry, 1):
        moved = _hbm_bytes(instruction, known)
        if instruction.cycles is None and not moved:
            continue
        inner = list(_inside(program, instruction))
        names = [i.op_name for i in (instruction, *reversed(inner)) if i.op_name]
        op_name = names[0] if names else ""
        operation = Operation(
            name=instruction.name,
            module=module_of(op_name),
            kind=_kind(instruction, inner, op_name),
            direction=_direction(op_name),
            cycles=instruction.cycles or 0,
            bytes=moved,
            times=times,
        )
        found.append(operation)
    if not any(operation.cycles for operation in found):
        raise ValueError("no operation has estimated_cycles: only XLA for TPUs writes them")
    return found


def unpriced_copies(hlo: str) -> tuple[int, int]:
    """(how many copies of a step have no price of XLA's, the cycles that they should add).

    The cycles are the least that copies of as many elements take where they have a price.
    """
    program = parse_hlo(hlo)
    count = cycles = 0
    for instruction, _, times in _scheduled(program, program.entry, 1):
        windows = _WINDOWS.search(instruction.line)
        if instruction.opcode != "copy" or windows is None:
            continue
        sizes = [int(size) for size in re.findall(r"\d+", windows[1])]
        if instruction.cycles != _NO_PRICE * math.prod(sizes):
            continue
        elements = sum(math.prod(array.shape) for array in instruction.arrays)
        missing = elements * _CYCLES_OF_1024 // 1024 - instruction.cycles
        count += times
        cycles += times * max(missing, 0)
    return count, cycles


def total(
    operations: Sequence[Operation], key: Callable[[Operation], str]
) -> dict[str, tuple[int, int]]:
    """{key(operation): (cycles, bytes) of a step}, most cycles first."""
    cycles: Counter[str] = Counter()
    moved: Counter[str] = Counter()
    for operation in operations:
        cycles[key(operation)] += operation.cycles * operation.times
        moved[key(operation)] += operation.bytes * operation.times
    return {name: (cycles[name], moved[name]) for name, _ in cycles.most_common()}


def module_of(op_name: str) -> str:
    """The module's path in `op_name`, as "stages_0/norm" in "jit(step)/jvp(Net)/stages_0/norm/add".

    Transforms, methods and classes are left out.
    """
    parts = []
    for part in op_name.split("/")[:-1]:  # the last one is what is computed
        if part.startswith("jit("):
            continue
        wrapped = _WRAPPED.match(part)
        part = wrapped[1] if wrapped else part
        is_class_or_method = part[:1].isupper() or "." in part
        if part and re.fullmatch(r"[\w\-]+", part) and not is_class_or_method:
            parts.append(part)
    return "/".join(p for p in parts if p not in _NO_MODULES and not p.startswith("branch_"))


_NO_MODULES = {"step", "main", "cond", "while", "body", "checkpoint", "rematted_computation"}


def _scheduled(
    program: Program, computation: str, times: int
) -> Iterator[tuple[Instruction, dict[str, Instruction], int]]:
    """(instruction, those beside it by name, how often it runs), loops entered."""
    known = {i.name: i for i in program.computations[computation]}
    for instruction in known.values():
        if instruction.opcode in ("while", "call", "conditional"):
            for inner in instruction.called:
                if inner in program.computations:
                    yield from _scheduled(program, inner, times * instruction.trips)
        else:
            yield instruction, known, times


def _inside(program: Program, instruction: Instruction) -> Iterator[Instruction]:
    """What is fused into it, and into that."""
    for name in instruction.called:
        for inner in program.computations.get(name, ()):
            yield inner
            yield from _inside(program, inner)


def _hbm_bytes(instruction: Instruction, known: dict[str, Instruction]) -> int:
    opcode = instruction.opcode
    if opcode in _FREE or opcode.endswith("-done"):
        return 0
    if any(name in instruction.line for name in _NAMES_ONLY):
        return 0
    if opcode.endswith("-start") and not _EXCHANGES.match(opcode):
        # names its source, its target and a flag: as much as the smaller one holds is moved
        ends = [a for a in instruction.arrays if a.space in (HBM, ON_CHIP)]
        smaller = min((a.bytes for a in ends), default=0)
        return smaller * sum(a.space == HBM for a in ends)
    read = [a for name in instruction.operands if name in known for a in known[name].arrays]
    return sum(a.bytes for a in (*instruction.arrays, *read) if a.space == HBM)


def _direction(op_name: str) -> str:
    if "transpose(" in op_name:
        return "backward"
    return "forward" if "jvp(" in op_name else "update"


def _kind(instruction: Instruction, inner: Sequence[Instruction], op_name: str) -> str:
    everything = (instruction, *inner)
    opcodes = {i.opcode for i in everything}
    module = module_of(op_name)
    if any(_EXCHANGES.match(opcode) for opcode in opcodes):
        return "exchange"
    products = [i for i in everything if i.opcode in ("convolution", "dot")]
    # XLA writes a maximum over scores as a window, too
    pools = "reduce-window" in opcodes and "exponential" not in opcodes
    if any("_group_count=" in i.line for i in products) or pools:
        return "depthwise"
    if products:
        # `effjax.ops.depthwise_bands` is a product of matrices, named by its layer
        return "depthwise" if "dwconv" in module.split("/") else "matrix"
    if instruction.opcode.endswith("-start"):
        return "transfer"
    if opcodes - {"fusion"} <= _LAYOUT:
        return "layout"
    if opcodes - {"fusion"} <= _LAYOUT | {"convert"}:
        return "conversion"
    if _direction(op_name) == "update":
        return "other"
    if re.search(r"(^|/)(q_|k_)?norm", module):
        return "norm"
    if re.search(r"drop_path|StochasticDepth|_scale\d?(/|$)", op_name) or "_residual" in op_name:
        return "residual"
    if "exponential" in opcodes or re.search(r"(^|/)(attn|attention)", module):
        return "attention"
    if "reduce" in opcodes:
        return "reduction"
    return "activation" if re.search(r"(^|/)act", module) else "other"
