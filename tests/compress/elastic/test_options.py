"""Keys of an elastic network's task."""

import pytest

from effjax.compress.elastic.options import ElasticConfig
from effjax.errors import UserError


def test_what_makes_no_sense_is_refused():
    with pytest.raises(UserError, match="4 has no middle"):
        ElasticConfig(kernels=(3, 4))
    with pytest.raises(UserError, match="size_order=draw"):
        ElasticConfig(image_sizes=(16,))
    with pytest.raises(UserError, match="children = 0"):
        ElasticConfig(recipe="shrinking", children=0)
    with pytest.raises(UserError, match="no square"):
        ElasticConfig(image_sizes=((16, 24),), size_order="draw").extent()


def test_resolutions_are_the_sizes_of_training():
    extent = ElasticConfig(image_sizes=(16, 24), size_order="draw").extent()
    assert extent.resolutions == (16, 24)
