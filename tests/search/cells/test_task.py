"""What all searches of cells share: their networks."""

import pytest

from effjax.config import View
from effjax.errors import UserError
from effjax.search.cells.darts import DartsSearch
from tests.search.cells.small import small_config


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        (("skip",), "operations has 'skip'"),
        (("none",), "give one or more beside 'none'"),
    ],
)
def test_operations_of_which_no_cell_is_made_are_refused(operations, message):
    config = small_config("darts", operations=operations)
    with pytest.raises(UserError, match=message):
        DartsSearch(View(config))


def test_a_network_without_cells_is_refused():
    config = small_config("darts")
    config.model.update(name="resnet18")
    for field in ("width", "layers"):
        del config.model[field]
    with pytest.raises(UserError, match="is no network of such cells"):
        _ = DartsSearch(View(config)).model
