"""What a search shows: sizes, costs, whether they are a baseline."""

import pytest

from effjax.errors import UserError
from effjax.report import choose_display
from effjax.search.kernel_sizes.run import remarks, search
from tests.search.kernel_sizes.conftest import search_config

RECORD = {"baseline": None, "preference": {"sentence": "the task had a preference: ..."}}


def test_a_baseline_gets_a_sentence():
    said = remarks(RECORD | {"baseline": "5 everywhere"})
    assert said[0].startswith("these sizes are a baseline: 5 everywhere")
    assert said[1:] == remarks(RECORD) == ["the task had a preference: ..."]


def test_a_record_of_an_earlier_version_is_shown_without_remarks():
    assert remarks({"sizes": {}}) == []


def test_a_config_that_is_no_search(tmp_path):
    config = search_config("convformer_s18")
    config.task = {"name": "classification"}
    with pytest.raises(UserError, match="learns no sizes"):
        search(config, tmp_path, False, choose_display(quiet=True))
