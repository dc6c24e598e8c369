import jax
import numpy as np

from effjax.search.cells.genotype import best_inputs, best_pairs, fields_of_cells, read_cell
from effjax.search.cells.supernet import CellSpace

SPACE = CellSpace(operations=("none", "skip_connect", "sep_conv_3x3"), nodes=2)
# edges: 2<-0, 2<-1, 3<-0, 3<-1, 3<-2
WEIGHTS = np.array(
    [[0.8, 0.1, 0.1], [0.0, 0.4, 0.6], [0.0, 0.5, 0.5], [0.0, 0.9, 0.8], [0.0, 0.1, 0.3]]
)


def test_darts_takes_two_inputs_and_never_none():
    cell = best_inputs(WEIGHTS, SPACE)
    assert cell == (
        ("sep_conv_3x3", 1),
        ("skip_connect", 0),
        ("skip_connect", 1),
        ("skip_connect", 0),
    )


def test_pr_darts_takes_two_pairs_which_may_share_an_input():
    assert best_pairs(WEIGHTS, SPACE)[2:] == (("skip_connect", 1), ("sep_conv_3x3", 1))


def test_skips_and_the_deepest_path_are_read():
    cell = (("sep_conv_3x3", 0), ("skip_connect", 1), ("dil_conv_3x3", 2), ("max_pool_3x3", 0))
    assert read_cell(cell) == (1, 2)
    assert read_cell((("skip_connect", 0), ("skip_connect", 1))) == (2, 0)
    fields = fields_of_cells({"normal": cell, "reduce": cell[:2]})
    assert fields["normal_concat"] == (2, 3)
    assert fields["reduce_concat"] == (2,)


def test_the_sum_of_all_edges_is_that_of_the_rows():
    space = CellSpace()
    rows = [row for sources in space.sources() for row in space.rows(sources)]
    assert sorted(rows) == list(range(14))
    assert jax.tree.leaves(space.edges)[:4] == [0, 2, 1, 2]
