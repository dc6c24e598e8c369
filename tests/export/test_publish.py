"""A folder to be published, its way to a hub that is none, and back through `effjax.load`."""

import shutil
import sys
import types

import jax
import numpy as np
import pytest

import effjax
from effjax.errors import UserError
from effjax.export import publish
from effjax.report import choose_display


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A client that copies into a folder instead."""
    store = tmp_path / "hub"
    calls = []

    class HfApi:
        def create_repo(self, repository, private, exist_ok):
            calls.append((repository, private, exist_ok))
            if repository.startswith("taken/"):
                raise RuntimeError("403 Forbidden\nmore")

        def upload_folder(self, repo_id, folder_path, allow_patterns, commit_message):
            (store / repo_id).mkdir(parents=True)
            for name in allow_patterns:
                shutil.copy(f"{folder_path}/{name}", store / repo_id / name)

    def download(repository, file):
        place = store / repository / file
        if not place.exists():
            raise OSError(f"no {file}")
        return str(place)

    client = types.ModuleType("huggingface_hub")
    client.HfApi, client.hf_hub_download = HfApi, download
    errors = types.ModuleType("huggingface_hub.errors")
    errors.HfHubHTTPError = errors.LocalEntryNotFoundError = OSError
    monkeypatch.setitem(sys.modules, "huggingface_hub", client)
    monkeypatch.setitem(sys.modules, "huggingface_hub.errors", errors)
    client.calls = calls
    return client


def test_what_is_published_is_loaded_by_its_name(tiny, hub, tmp_path):
    display = choose_display(quiet=True)
    folder = publish(tiny, "me/tiny", tmp_path / "out", display, "mit", private=True)
    names = {path.name for path in folder.iterdir()}
    assert names == {"README.md", "model.json", "model.safetensors"}
    assert hub.calls == [("me/tiny", True, True)]
    there = effjax.load("hub:me/tiny")
    assert there.labels == tiny.labels
    assert there.preprocessing == tiny.preprocessing
    jax.tree.map(np.testing.assert_array_equal, there.variables, tiny.variables)


def test_a_dry_run_needs_no_client(tiny, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    publish(tiny, "me/tiny", tmp_path / "out", choose_display(results=True), dry_run=True)
    assert "nothing was sent" in capsys.readouterr().out
    assert (tmp_path / "out/README.md").exists()


@pytest.mark.parametrize(
    ("repository", "told"),
    [("photos", "expected ORGANISATION/NAME"), ("taken/x", "the hub refuses: 403 Forbidden$")],
)
def test_mistakes(repository, told, tiny, hub, tmp_path):
    with pytest.raises(UserError) as caught:
        publish(tiny, repository, tmp_path / "out", choose_display(quiet=True), "mit")
    first, *_ = str(caught.value).splitlines()
    assert told.removesuffix("$") in first


def test_without_the_client_nothing_is_written(tiny, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UserError, match=r"pip install 'effjax\[hub\]'"):
        publish(tiny, "me/tiny", tmp_path / "out", choose_display(quiet=True), "mit")
    assert not (tmp_path / "out").exists()
