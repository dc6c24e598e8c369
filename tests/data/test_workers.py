"""Batches that are read ahead; their own processes are tested in test_loader.py."""

import threading

import numpy as np

from effjax.data.workers import Batches, read_ahead


class Iterator:
    """Three batches of which one holds an example that is none; counts how often it is closed."""

    def __init__(self):
        self.left, self.closed = [[1, 1], [0, 1], [0, 0]], 0

    def __next__(self):
        if not self.left:
            raise StopIteration
        return {"mask": np.array(self.left.pop(0), np.float32)}

    def close(self):
        self.closed += 1


def test_what_is_missing_is_counted_and_the_iterator_closed_once():
    iterator = Iterator()
    with Batches(iterator) as batches:
        counts = [batches.skipped for _ in batches]
    assert counts == [0, 1, 3]
    batches.close()
    assert iterator.closed == 1


def test_it_reads_before_it_is_asked():
    read = threading.Event()

    def part(step):
        read.set()
        return {"mask": np.ones(step + 1, np.float32)}

    with read_ahead(part, 0, 3, workers=0) as batches:
        batches.start()
        assert read.wait(60)
        assert [len(batch["mask"]) for batch in batches] == [1, 2, 3]
