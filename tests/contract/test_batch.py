"""Variables are taken apart and put together; how much a batch weighs."""

import numpy as np

from effjax.contract import join_variables, split_variables, valid_examples


def test_variables_there_and_back():
    variables = join_variables({"w": 1.0}, {"batch_stats": {"m": 0.0}})
    assert variables == {"params": {"w": 1.0}, "batch_stats": {"m": 0.0}}
    assert split_variables(variables) == ({"w": 1.0}, {"batch_stats": {"m": 0.0}})
    assert "params" in variables, "the argument is left as it is"


def test_a_batch_weighs_its_valid_examples():
    assert valid_examples({"mask": np.asarray([0.0, 1.0, 1.0])}) == 2.0
    assert valid_examples({"x": np.zeros(3)}) == 1.0
