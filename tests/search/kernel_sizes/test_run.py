"""What a search shows: sizes, costs, whether they are a baseline."""

import json

import pytest

from effjax.errors import UserError
from effjax.report import choose_display
from effjax.search.kernel_sizes.run import check_same_table, remarks, search
from tests.search.kernel_sizes.conftest import search_config, task_of

RECORD = {"baseline": None, "preference": {"sentence": "the task had a preference: ..."}}


def test_a_baseline_gets_a_sentence():
    said = remarks(RECORD | {"baseline": "5 everywhere"})
    assert said[0].startswith("these sizes are a baseline: 5 everywhere")
    assert said[1:] == remarks(RECORD) == ["the task had a preference: ..."]


def test_a_record_of_an_earlier_version_is_shown_without_remarks():
    assert remarks({"sizes": {}}) == []


def test_a_table_that_was_measured_anew_is_another_search(tmp_path, pooling_table):
    keys = {"cost": "latency", "latency_table": str(pooling_table)}
    config = search_config("poolformer_s12", **keys)
    check_same_table(config, tmp_path)  # nothing is there yet
    record = {"record": {"latency_table": "0123456789abcdef"}, "config": {}}
    (tmp_path / "config.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match="another latency table"):
        check_same_table(config, tmp_path)
    record["record"] = task_of("poolformer_s12", **keys).record()
    (tmp_path / "config.json").write_text(json.dumps(record))
    check_same_table(config, tmp_path)


def test_a_config_that_is_no_search(tmp_path):
    config = search_config("convformer_s18")
    config.task = {"name": "classification"}
    with pytest.raises(UserError, match="learns no sizes"):
        search(config, tmp_path, False, choose_display(quiet=True))
