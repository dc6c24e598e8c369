import pytest

from effjax.errors import UserError
from effjax.search.cells.run import nodes_of, operations_of, search_cells, supernet_config
from effjax.search.cells.spaces import DartsSpace
from tests.search.cells.small import small_config

SPACE = DartsSpace(("skip_connect", "dil_conv_3x3"), nodes=1, width=4, layers=3)


class Nothing:
    config = workdir = None


def test_a_problem_without_images_is_refused():
    with pytest.raises(UserError, match="strategy 'darts' trains a network"):
        search_cells(Nothing(), "darts", {}, 1.0, nesterov=False, weight_decay=0.0)


def test_the_supernet_has_the_images_of_the_training_and_its_own_optimizers():
    training = small_config("classification")
    training.task = type(training.task)({"name": "classification"})
    training.model.width = 4
    config = supernet_config(training, SPACE, seed=7)
    assert config.data.to_json() == training.data.to_json()
    assert config.seed == 7
    assert config.total_epochs is None
    assert "width" not in config.model
    assert list(config.optim) == ["default"]


def test_edges_may_be_left_out_while_they_are_searched():
    assert operations_of(SPACE) == ("none", "skip_connect", "dil_conv_3x3")
    assert nodes_of(SPACE) == 1
