"""Where data sets lie."""

import pytest

from effjax.claims.place import Place
from effjax.errors import UserError


def test_a_data_set_is_a_name_or_a_folder(tmp_path):
    (tmp_path / "cifar10").mkdir()
    assert Place(tmp_path, None, "small").data_set("cifar10") == "cifar10"
    place = Place(tmp_path, tmp_path, "small")
    assert place.data_set("cifar10") == str(tmp_path / "cifar10")
    with pytest.raises(UserError, match="holds no folder digits"):
        place.data_set("digits")
