"""Which examples a step shows, and with which random numbers: a function of (seed, step) alone.

Position p = step * B + slot of the training stream shows example `shuffled(seed, epoch)[p mod N]`
with epoch = p div N, repeated augmentation aside. Nothing is remembered, so a run may go on at any
step, with any number of workers or hosts.

Shapes: B the global batch, b the part of it that is asked for, N the number of examples.
"""

import functools
import math
from collections.abc import Callable

import numpy as np

# what a random sequence is for; part of its seed
ORDER = 0
EXAMPLES = 1
STEPS = 2


def rows_of_step(
    seed: int,
    step: int,
    slots: np.ndarray,
    batch_size: int,
    repeats: int,
    examples: int,
    order: Callable[[int], np.ndarray] | None = None,
) -> np.ndarray:
    """Which examples [b] the slots [b] of a step show.

    Args:
      batch_size: B; at most N.
      repeats: how often a batch shows each of its examples (repeated augmentation).
      examples: N.
      order: epoch -> what it shows [N]; None: every example once, shuffled.
    """
    if order is None:
        order = functools.partial(shuffled, seed, examples=examples)
    # a batch goes through its distinct examples several times
    distinct = math.ceil(batch_size / repeats)
    start = step * distinct
    positions = start + slots % distinct
    epochs, places = np.divmod(positions, examples)
    first = int(epochs.min())
    last = int(epochs.max())
    rows = order(first)[places]
    if first == last:
        return rows
    # a batch is no longer than an epoch, so it reaches into one more at most
    next_rows = order(last)[places]
    return np.where(epochs == first, rows, next_rows)


@functools.lru_cache(maxsize=4)
def shuffled(seed: int, epoch: int, examples: int) -> np.ndarray:
    """The order of an epoch: a permutation of 0 to `examples` - 1."""
    rng = np.random.default_rng((seed, ORDER, epoch))
    return rng.permutation(examples)


def step_numbers(seed: int, step: int) -> np.random.Generator:
    """The generator from which every host draws for the whole batch of a step."""
    return np.random.default_rng((seed, STEPS, step))


class Generators:
    """k -> a generator for the k-th of some positions in the training stream.

    It is valid until the next one is asked for. All positions share a key and start far apart in
    its sequence (Philox): going to one of them takes a tenth of the time of seeding a generator.

    Args:
      seed: of the run.
      positions: in the training stream.
      view: a number of 64 bits that tells several sequences of one position apart.
    """

    def __init__(self, seed: int, positions: np.ndarray, view: int = 0):
        self._positions = positions.tolist()
        sequence = np.random.SeedSequence((seed, EXAMPLES))
        philox = np.random.Philox(sequence)
        self._generator = np.random.Generator(philox)
        self._start = philox.state
        # the third word of the counter: no position reaches it
        self._start["state"]["counter"][2] = view

    def __call__(self, k: int) -> np.random.Generator:
        # the second word of the counter: 2**64 numbers of the sequence for each position
        counter = self._start["state"]["counter"]
        counter[1] = self._positions[k]
        self._generator.bit_generator.state = self._start
        return self._generator
