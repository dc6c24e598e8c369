"""A folder with a config of seconds."""

import pytest

from tests import mistakes


@pytest.fixture
def world(tmp_path, monkeypatch):
    mistakes.make_world(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EFFJAX_CACHE", "off")
