"""The bits of each layer of a network under a budget of bytes or milliseconds."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from effjax.compress.bit_latency import NANOSECONDS, Table, nanoseconds, read_bit_latency
from effjax.compress.images import first_batches
from effjax.compress.quantised import FLOAT, Bits, in_float, quantise
from effjax.compress.quantised_layers import Layer, Summary, layers_of, summarise
from effjax.compress.sensitivity import best_bits, damages
from effjax.costs import Budget, describe
from effjax.errors import UserError, nearest
from effjax.report import Display, format_bytes

UNITS = {"size": "memory", "latency": "latency"}  # as typed: of a budget
BATCHES = 2  # that damages are measured on

Rules = tuple[tuple[str, int], ...]  # as in `Bits.layers`


def read_budget(amount: str) -> Budget:
    """ "size:0.2x", "size:40 KB" or "latency:3 ms" as a budget of bytes or milliseconds.

    Raises:
      UserError: another form.
    """
    unit, colon, number = amount.partition(":")
    if not colon:
        raise UserError(f"--budget={amount}: expected UNIT:AMOUNT, such as size:0.2x or size:40 KB")
    if unit not in UNITS:
        raise UserError(f"--budget={amount}: bits have another unit; {nearest(unit, UNITS)}")
    return Budget(UNITS[unit], number)


@dataclasses.dataclass(frozen=True)
class Costs:
    """What the bits of a network cost, in whole numbers.

    Attributes:
      free: {path: {bits: cost}} of the layers whose bits are chosen.
      rest: of all else.
      in_float: of the network in floating point; a budget may be a share of it. None: not known.
      scale: how many of them are one of the budget's unit.
    """

    free: dict[str, dict[int, int]]
    rest: int
    in_float: int | None
    scale: int = 1

    @property
    def least(self) -> float:
        """Of the cheapest bits, in the budget's unit."""
        cheapest = sum(min(cost.values()) for cost in self.free.values())
        return (self.rest + cheapest) / self.scale

    @property
    def most(self) -> float:
        """Of the dearest bits, in the budget's unit."""
        dearest = sum(max(cost.values()) for cost in self.free.values())
        return (self.rest + dearest) / self.scale


def mixed_bits(
    task: Any,
    variables: Any,
    bits: Bits,
    choices: Sequence[int],
    budget: Budget,
    display: Display,
    table: Path | None = None,
) -> Rules:
    """One rule for each layer: the bits that move the logits least within the budget.

    Args:
      task: a `Quantise`.
      bits: whose `layers` hold what is decided already.
      choices: numbers of bits.
      budget: of the bytes of all weights, or of the milliseconds of all layers.
      table: of milliseconds, see `bit_latency`.

    Raises:
      UserError: the budget cannot be met, or no choice exceeds it.
    """
    shape = task.split.image_shape
    plain = in_float(task.model)
    layers = layers_of(plain, variables, shape)
    free = [layer for layer in layers if not _is_decided(bits, layer)]
    if budget.unit == "latency":
        costs = _times(
            read_bit_latency(table, [layer.path for layer in layers]), free, bits, choices
        )
    else:
        most = Bits(max(choices), bits.activations, bits.layers)
        dearest = summarise(quantise(plain, most), variables, shape)
        costs = _bytes(dearest, free, choices)
    if budget.is_share:
        if costs.in_float is None:
            raise UserError(
                f"--budget=latency:{budget.amount} is a share of the time in floating point: "
                "the table needs 32 bits of every layer"
            )
        budget = budget.relative_to(costs.in_float / costs.scale)
    named = f"bits {', '.join(map(str, choices))}"
    budget.check_reachable(costs.least, costs.most, named, "give another --budget")

    images = [images for images, _ in first_batches(task, BATCHES)]
    display.start(len(free))
    found = damages(plain, variables, images, free, choices, lambda n: display.update(n, {}))
    rules = best_bits(found, costs.free, budget.limit * costs.scale - costs.rest)
    display.line(f"bits within {_amount(budget)}: {_in_words(rules)}")
    return rules


def _bytes(
    dearest: Summary,
    free: Sequence[Layer],
    choices: Sequence[int],
) -> Costs:
    """Bytes of all weights.

    Args:
      dearest: of the network with the most bits.
    """
    costs = {}
    for layer in free:
        costs[layer.path] = {number: layer.bytes(number) for number in choices}
    # what is decided, and what has no kernel
    rest = dearest.bytes - sum(layer.bytes(max(choices)) for layer in free)
    return Costs(costs, rest, dearest.float_bytes)


def _times(
    table: Table,
    free: Sequence[Layer],
    bits: Bits,
    choices: Sequence[int],
) -> Costs:
    """Nanoseconds of all layers."""
    costs = {layer.path: nanoseconds(table, layer.path, choices) for layer in free}
    rest = 0
    for path in table:
        if path not in costs:
            weights, _ = bits.of(path)
            rest += nanoseconds(table, path, (weights,))[weights]
    whole = None
    if all(FLOAT in row for row in table.values()):
        whole = sum(nanoseconds(table, path, (FLOAT,))[FLOAT] for path in table)
    return Costs(costs, rest, whole, NANOSECONDS)


def _amount(budget: Budget) -> str:
    if budget.unit == "memory":
        return format_bytes(round(budget.limit))
    return describe(budget.unit, budget.limit)


def _is_decided(bits: Bits, layer: Layer) -> bool:
    """Whether a rule of the user's names the layer."""
    # two defaults differ, and a rule gives the same under both
    under_one = Bits(2, FLOAT, bits.layers).of(layer.path)
    under_other = Bits(FLOAT, FLOAT, bits.layers).of(layer.path)
    return under_one == under_other


def _in_words(rules: Rules) -> str:
    """ "12 layers of 4, 9 of 8"."""
    counts: dict[int, int] = {}
    for _, bits in rules:
        counts[bits] = counts.get(bits, 0) + 1
    words = [f"{count} of {bits} bits" for bits, count in sorted(counts.items())]
    return f"layers: {', '.join(words)}"
