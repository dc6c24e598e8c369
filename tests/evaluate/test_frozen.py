import pytest

from effjax.errors import UserError
from effjax.evaluate.frozen import read_shots


def test_shots_are_numbers():
    assert read_shots("1, 5") == (1, 5)
    assert read_shots(None) == ()
    with pytest.raises(UserError, match="such as 1,5"):
        read_shots("few")
