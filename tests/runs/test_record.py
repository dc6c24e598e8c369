"""config.json: what is written is read, and what is no record is refused in two lines."""

import json

import pytest

import effjax
from effjax.config import View
from effjax.errors import UserError
from effjax.runs import record


def test_what_a_run_was_made_with(tmp_path):
    view = View(effjax.default_config())
    data = {"examples": 32}
    record.open_workdir(tmp_path / "run", view, {"labels": ["cat", "dog"]}, data)
    content = record.read_file(tmp_path / "run")
    assert content["data"] == data
    assert record.read_labels(tmp_path / "run") == ["cat", "dog"]
    assert record.read_config(tmp_path / "run")["seed"] == 0
    assert {"python", "jax", "effjax"} <= content["versions"].keys()
    # continuing it keeps the time of its first start, which tells it from other runs
    record.open_workdir(tmp_path / "run", view, {}, data)
    assert record.read_file(tmp_path / "run")["created"] == content["created"]


def test_no_run(tmp_path):
    assert record.read_file(tmp_path) is None
    assert record.read_config(tmp_path) is None
    assert record.read_labels(tmp_path) == []


@pytest.mark.parametrize("text", ["[]", "null", "{", "[" * 10_000, "{}", '{"config": []}'])
def test_json_of_another_shape(text, tmp_path):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UserError) as caught:
        record.read_config(tmp_path)
    first, second = str(caught.value).splitlines()
    assert first.startswith(str(tmp_path / "config.json"))
    assert second == "give another --workdir"


def test_a_package_that_is_missing_is_recorded(monkeypatch):
    monkeypatch.setattr(record, "PACKAGES", ("numpy", "no-such-package"))
    found = record.versions()
    assert found["no-such-package"] == "missing"
    assert json.dumps(found)


def test_a_folder_without_a_run_is_named_beside_its_neighbours(tmp_path):
    (tmp_path / "digits").mkdir()
    (tmp_path / "digits/config.json").write_text('{"config": {"seed": 3}}')
    assert record.config_of_run(tmp_path / "digits") == {"seed": 3}
    with pytest.raises(UserError, match=r"it has no config.json; did you mean '.*digits'"):
        record.config_of_run(tmp_path / "digit")
    with pytest.raises(UserError, match=r"no config.json\ngive a folder that effjax"):
        record.config_of_run(tmp_path / "digits/deeper")
