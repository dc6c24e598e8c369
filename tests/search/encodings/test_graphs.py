import numpy as np

from effjax.search.cells.spaces import DartsSpace, NasBench201Space
from effjax.search.encodings.graphs import GraphCodes, graph_of


def test_a_cell_of_nasbench_is_its_six_operations():
    space = NasBench201Space(width=4, cells=1)
    graph = graph_of(space, (1, 2, 3, 4, 0, 1))
    assert graph.operations[0] == "input"
    assert graph.operations[1:7] == space.decode((1, 2, 3, 4, 0, 1)).ops
    # from the input to nodes 1, 2 and 3; from the first operation to those that leave node 1
    assert {(0, 1), (0, 2), (0, 4), (1, 3), (1, 5), (3, 6), (4, 7), (6, 7)} <= set(graph.edges)
    assert np.triu(graph.adjacency, 1).sum() == graph.adjacency.sum() == len(graph.edges)


def test_both_cells_of_darts_stand_side_by_side():
    space = DartsSpace(("skip_connect", "sep_conv_3x3"), nodes=2)
    point = space.sample(np.random.default_rng(0))
    graph = graph_of(space, point)
    assert len(graph.operations) == 2 * (2 + 4 + 1)
    assert graph.adjacency[:7, 7:].sum() == 0
    codes = GraphCodes(space)
    assert codes.words == ("input", "output", "skip_connect", "sep_conv_3x3")
    assert codes.tokens([point]).shape == (1, 14)


def test_another_space_is_a_chain(space):
    point = space.canonical((0,) * len(space.choices))
    graph = graph_of(space, point)
    count = len(space.choices) + 2
    assert len(graph.operations) == count
    assert graph.edges == tuple((node, node + 1) for node in range(count - 1))
