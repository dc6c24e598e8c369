"""The bits of each layer of a network under a budget of bytes or milliseconds."""

from collections.abc import Sequence
from typing import Any

from effjax.compress.images import first_batches
from effjax.compress.quantised import FLOAT, Bits, in_float, quantise
from effjax.compress.quantised_layers import Layer, layers_of, summarise
from effjax.compress.sensitivity import best_bits, damages
from effjax.costs import Budget
from effjax.errors import UserError, nearest
from effjax.report import Display, format_bytes

UNITS = ("size",)
BATCHES = 2  # that damages are measured on

Rules = tuple[tuple[str, int], ...]  # as in `Bits.layers`


def read_budget(amount: str) -> Budget:
    """ "size:0.2x" or "size:40 KB" as a budget of bytes.

    Raises:
      UserError: another form.
    """
    unit, colon, number = amount.partition(":")
    if not colon:
        raise UserError(f"--budget={amount}: expected UNIT:AMOUNT, such as size:0.2x or size:40 KB")
    if unit not in UNITS:
        raise UserError(f"--budget={amount}: bits have another unit; {nearest(unit, UNITS)}")
    return Budget("memory", number)


def mixed_bits(
    task: Any,
    variables: Any,
    bits: Bits,
    choices: Sequence[int],
    budget: Budget,
    display: Display,
) -> Rules:
    """One rule for each layer: the bits that move the logits least within the budget.

    Args:
      task: a `Quantise`.
      bits: whose `layers` hold what is decided already.
      choices: numbers of bits.
      budget: of the bytes of all weights.

    Raises:
      UserError: the budget cannot be met, or no choice exceeds it.
    """
    shape = task.split.image_shape
    plain = in_float(task.model)
    layers = layers_of(plain, variables, shape)
    decided = {layer.path for layer in layers if _is_decided(bits, layer)}
    free = [layer for layer in layers if layer.path not in decided]
    costs = {layer.path: {b: layer.bytes(b) for b in choices} for layer in free}

    # all else: what is decided, and what has no kernel
    most = Bits(max(choices), bits.activations, bits.layers)
    dearest = summarise(quantise(plain, most), variables, shape)
    rest = dearest.bytes - sum(layer.bytes(max(choices)) for layer in free)
    budget = budget.relative_to(dearest.float_bytes)
    least = rest + sum(min(cost.values()) for cost in costs.values())
    budget.check_reachable(
        least, dearest.bytes, f"bits {', '.join(map(str, choices))}", "give another --budget"
    )

    images = [images for images, _ in first_batches(task, BATCHES)]
    display.start(len(free))
    found = damages(plain, variables, images, free, choices, lambda n: display.update(n, {}))
    rules = best_bits(found, costs, budget.limit - rest)
    display.line(f"bits within {format_bytes(round(budget.limit))}: {_in_words(rules)}")
    return rules


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
