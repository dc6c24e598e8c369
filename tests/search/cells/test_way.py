import numpy as np

from effjax.config import View
from effjax.search.cells.darts import DartsSearch
from tests.search.cells.small import SPACE, small_config


def task_of(**task):
    return DartsSearch(View(small_config("darts", **task)))


def memory_of(alphas, eigenvalues):
    """Entries 0, 4, 8, ...; alphas: for each the operation that weighs most on all edges."""
    edges, operations = len(SPACE.edges), len(SPACE.operations)
    history = np.zeros((len(alphas), edges, operations), np.float32)
    for place, operation in enumerate(alphas):
        history[place, :, operation] = 5
    return {
        "count": np.int32(len(alphas)),
        "steps": 4 * np.arange(len(alphas)),
        "eigenvalues": np.asarray(eigenvalues, np.float32),
        "alphas": {"normal": history, "reduce": history},
    }


def test_it_stops_at_skips_or_before_the_eigenvalue_rises():
    skip, conv = 1, 3
    memory = memory_of([conv, conv, conv, skip], [1.0, 1.0, 4.0, 4.0])
    assert task_of(stop="skips").stopped_at(memory) == 3
    assert task_of(stop="eigenvalue", stop_window=1).stopped_at(memory) == 1
    assert task_of().stopped_at(memory) is None


def test_cells_are_noted_every_epoch_and_at_the_start():
    task = task_of()
    assert task.between_every(None) == 4  # half of 64 images, in batches of 8
    assert task._entries() == 3
    memory = memory_of([1, 3], [0.0, 0.0])
    noted = task.noted_cells(memory)
    assert [cells["normal"][0][0] for cells in noted] == ["skip_connect", "dil_conv_3x3"]
