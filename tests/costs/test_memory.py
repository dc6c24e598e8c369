"""The peak of activation memory against counting by hand and by brute force."""

import itertools

import numpy as np
import pytest

from effjax import costs, models
from effjax.costs.memory import Operation, peak_of


def conv(takes, makes):
    return Operation("conv_general_dilated", takes, (makes,))


def test_a_chain_holds_input_and_output():
    operations = [conv((0,), 1), conv((1,), 2), conv((2,), 3)]
    assert peak_of(operations, [5, 7, 11, 2], [0], [3]) == 7 + 11


def test_a_shortcut_is_held():
    operations = [conv((0,), 1), conv((1,), 2), Operation("add", (0, 2), (3,))]
    # 0 lives until the sum, which takes the place of one of them
    assert peak_of(operations, [5, 20, 5, 5], [0], [3]) == 5 + 20 + 5


def test_what_works_entry_by_entry_stores_nothing():
    operations = [conv((0,), 1), Operation("tanh", (1,), (2,)), conv((2,), 3)]
    assert peak_of(operations, [1, 9, 9, 1], [0], [3]) == 10


@pytest.mark.parametrize("seed", range(5))
def test_brute_force(seed):
    """Without fusion a value lives from its operation to its last use."""
    rng = np.random.default_rng(seed)
    count = 8
    sizes = [int(size) for size in rng.integers(1, 20, count)]
    operations = []
    for made in range(1, count):
        takes = rng.choice(made, size=min(made, 2), replace=False)
        operations.append(conv(tuple(int(value) for value in takes), made))
    alive = []
    for place in range(count - 1):
        now = {place + 1, *operations[place].takes}
        made_before = range(place + 1)
        for value, later in itertools.product(made_before, operations[place:]):
            if value in later.takes:
                now.add(value)
        alive.append(sum(sizes[value] for value in now))
    assert peak_of(operations, sizes, [0], [count - 1]) == max(alive)


def test_a_network_by_hand():
    """Two stages of 8 channels: the hidden layer of the MLP is the largest map."""
    model = models.create_model(
        "convformer_s18",
        num_classes=4,
        depths=(1, 1),
        dims=(8, 8),
        mixers="identity",
        kernel_sizes=3,
        patch_kernels=3,
        patch_strides=2,
        patch_pads=1,
        layer_scale=None,
        residual_scale=None,
        remat=False,
    )
    token_map = 4 * 4 * 4 * 8  # bytes of 4x4 tokens
    # the block's input, the normalised map, the hidden layer of four times the channels
    assert costs.count(model, (8, 8, 3), "memory") == token_map * (1 + 1 + 4)
