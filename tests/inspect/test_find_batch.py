"""The largest batch that fits: from what a compiled step needs."""

import pytest

from effjax.errors import UserError
from effjax.inspect.find_batch import largest_batch, memory_of, peak_bytes, show_largest_batch
from effjax.report import choose_display
from tests.training.toy import line_config


def needs(batch):
    return 1000 + 30 * batch


def test_the_largest_multiple_that_fits():
    assert largest_batch(needs, 5000, 8, 10_000) == (128, 4840)
    assert largest_batch(needs, 10**9, 8, 1003) == (1000, 31000)
    assert largest_batch(needs, 1300, 8, 10_000) == (8, 1240)


def test_a_step_that_needs_more_than_predicted():
    # a larger program for large batches
    grows = lambda batch: needs(batch) + (500 if batch > 32 else 0)  # noqa: E731
    batch, size = largest_batch(grows, 5000, 8, 10_000)
    assert size <= 5000
    assert 80 <= batch < 128


def test_what_does_not_fit_is_refused():
    with pytest.raises(UserError, match=r"a batch of 8 needs 1\.2.*\ntry --config.accumulate=2"):
        largest_batch(needs, 1100, 8, 10_000)
    with pytest.raises(UserError, match="there are 5 training images, fewer than one batch of 8"):
        largest_batch(needs, 1100, 8, 5)


def test_a_small_task(capsys):
    import jax

    config = line_config()
    config.parallel.devices = 1
    assert 100 < peak_bytes(config) < 10**7
    assert show_largest_batch(config, choose_display()) == 640  # all of its examples
    assert "take it: --config.data.batch_size=640" in capsys.readouterr().out
    assert memory_of(jax.devices()[0]) > 10**9
