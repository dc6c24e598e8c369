"""What a source has that says no more than its batches."""

import numpy as np

from effjax.contract import Source


class Plain(Source):
    num_examples = 4
    spec = {"x": np.zeros(2)}  # noqa: RUF012

    def batches(self, start=0):
        yield {"x": np.full(2, start)}


def test_nothing_is_resident_and_nothing_to_unpack():
    source = Plain()
    batch = next(source.batches(3))
    assert source.unpack(batch) is batch
    assert source.sent is source.spec
    assert source.resident == {}


def test_unpacking_does_not_hold_the_source():
    """It becomes part of the compiled step."""
    assert not hasattr(Plain().unpack, "__self__")
