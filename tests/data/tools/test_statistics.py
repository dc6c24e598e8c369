"""What a check keeps for a config: the numbers that it shows, and as a config takes them."""

import pytest

import effjax
from effjax import cli
from effjax.config import check
from effjax.data.tools.check import Report
from effjax.data.tools.statistics import as_overrides, write_statistics
from effjax.errors import UserError
from effjax.runs.schema import RunConfig


def make_report(std=(0.2, 0.25, 0.3)):
    return Report(
        counts={"train": {"cat": 3, "dog": 5}},
        broken=[],
        damaged=[],
        duplicates=[],
        ignored={},
        sizes={(4, 4): 8},
        mean=(0.123456, 0.5, 0.6),
        std=std,
    )


def test_a_config_takes_what_was_written(tmp_path):
    path = tmp_path / "photos.json"
    write_statistics(path, "photos.zip", make_report())
    config = effjax.default_config()
    config.data.update(effjax.data.read_statistics(path))
    check(config, RunConfig)
    assert config.data.name == "photos.zip"
    assert config.data.mean == (0.1235, 0.5, 0.6)
    assert '"dog": 5' in path.read_text()
    assert as_overrides(make_report()) == (
        "'--config.data.mean=(0.1235,0.5,0.6)' '--config.data.std=(0.2,0.25,0.3)'"
    )


def test_what_cannot_be_used_is_refused(tmp_path):
    with pytest.raises(UserError, match="no spread"):
        write_statistics(tmp_path / "a.json", "photos", make_report(std=(0.0, 0.0, 0.0)))
    with pytest.raises(UserError, match="cannot write --write="):
        write_statistics(tmp_path / "nowhere/a.json", "photos", make_report())
    with pytest.raises(UserError, match="--write="):
        effjax.data.read_statistics(tmp_path / "missing.json")


def test_only_a_check_writes(capsys):
    with pytest.raises(SystemExit):
        cli.main(["data", "prepare", "photos", "--write=a.json"])
    assert "data uses --write only with check" in capsys.readouterr().err
