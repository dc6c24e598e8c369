"""The face of elastic networks."""

import pytest

import effjax
from effjax.compress.elastic.run import check_is_elastic, is_elastic, is_elastic_run
from effjax.errors import UserError
from tests.compress.elastic.conftest import config_of


def test_a_config_says_whether_it_is_elastic():
    assert is_elastic(config_of())
    assert not is_elastic(effjax.default_config())
    with pytest.raises(UserError, match="trains no elastic network"):
        check_is_elastic(effjax.default_config())


def test_a_folder_without_a_run_is_no_elastic_run(tmp_path):
    assert not is_elastic_run(tmp_path)


@pytest.mark.slow
def test_a_run_is_known_by_its_record(run):
    assert is_elastic_run(run)
