"""Keys of a search: what is refused, and with which words."""

import pytest

from effjax.errors import UserError
from effjax.tasks.run import build
from tests.search.kernel_sizes.conftest import search_config


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"mask": "box"}, "'ramp', 'smoothstep'"),
        ({"budget_sizes": (4,)}, "give odd sizes"),
        ({"budget_sizes": (3, 5), "sizes": "free"}, "free sizes know no budget"),
        ({"cost": "latency"}, "belong together"),
        ({"start": 1.0}, "start = 1.0 is out of range"),
        ({"budget": "half"}, "no positive amount"),
        ({"weigth": 0.1}, "did you mean 'weight'"),
        ({"hold_steps": -1.0}, "hold_steps = -1.0 is out of range"),
    ],
)
def test_mistakes(keys, message):
    with pytest.raises(UserError, match=message):
        build(search_config("convformer_s18", **keys))
