import itertools

import jax
import pytest

from effjax.errors import UserError
from effjax.models import cost, create_model
from effjax.models.families.nasbench201 import (
    OPERATIONS,
    is_connected,
    read_cell,
    unique_text,
    write_cell,
)

BEST = (
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
    "+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"
)


def test_all_cells_and_their_classes():
    cells = list(itertools.product(OPERATIONS, repeat=6))
    assert len({write_cell(cell) for cell in cells}) == 15625
    assert len({unique_text(cell, zeros=False) for cell in cells}) == 12751
    assert len({unique_text(cell) for cell in cells}) == 6466
    assert sum(map(is_connected, cells)) == 15284


def test_text_goes_in_and_out():
    model = create_model("nasbench201", 10)
    assert write_cell(model.architecture.ops) == BEST
    assert read_cell(BEST) == model.architecture.ops
    other = create_model("nasbench201", genotype=BEST.replace("skip_connect", "none"))
    assert other.architecture.ops[3] == "none"


@pytest.mark.parametrize(
    ("ops", "params", "mega_macs"),
    [("nor_conv_3x3", 1_531_546, 220.12), ("none", 73_306, 7.78)],
)
def test_the_ends_of_the_published_costs(ops, params, mega_macs):
    counted = cost(create_model("nasbench201", 10, ops=(ops,) * 6), (32, 32, 3))
    assert counted.params == params
    assert counted.macs / 1e6 == pytest.approx(mega_macs, abs=0.01)


def test_isomorphic_cells_are_one_function():
    """A skip from the input to node 1: an edge from node 1 is then one from the input."""
    first = read_cell("|skip_connect~0|+|nor_conv_1x1~0|none~1|+|none~0|none~1|skip_connect~2|")
    second = read_cell("|skip_connect~0|+|none~0|nor_conv_1x1~1|+|none~0|none~1|skip_connect~2|")
    assert unique_text(first) == unique_text(second)
    images = jax.random.normal(jax.random.key(0), (2, 8, 8, 3))
    answers = []
    for ops, layer in ((first, "layers_1"), (second, "layers_2")):
        model = create_model("nasbench201", 4, ops=ops, width=4, cells=1)
        variables = jax.jit(model.init)(jax.random.key(1), images)
        if not answers:
            shared = variables
        params = dict(shared["params"])
        for cell in ("cells_0", "cells_2", "cells_4"):
            params[cell] = {layer: shared["params"][cell]["layers_1"]}
        statistics = variables["batch_stats"]
        answers.append(model.apply({"params": params, "batch_stats": statistics}, images))
    assert (answers[0] == answers[1]).all()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"ops": ("none",) * 5}, "ops has 5 entries: give one for each of 6 edges"),
        ({"genotype": "|none~0|"}, "is no cell of NAS-Bench-201"),
        ({"genotype": BEST.replace("skip", "jump")}, "is no cell of NAS-Bench-201"),
    ],
)
def test_cells_that_cannot_be_are_refused(fields, message):
    with pytest.raises(UserError, match=message):
        create_model("nasbench201", **fields)
