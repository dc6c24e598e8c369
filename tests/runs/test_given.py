"""What is wrong in a run's config is said before JAX is imported."""

import subprocess
import sys
from pathlib import Path

import pytest

from effjax.errors import UserError
from effjax.runs.given import load_run

ROOT = Path(__file__).parents[2]
QUICKSTART = str(ROOT / "configs/quickstart.py")


@pytest.mark.parametrize(
    ("override", "answer"),
    [
        ("--config.data.name=nowhere/images", "no such folder or file"),
        ("--config.data.name=flowers.tar.gz", "tar -xf flowers.tar.gz"),
        ("--config.data.name=./nowhere.csv", "no such file"),
        ("--config.data.name=fotos", "no data 'fotos'"),
        ("--config.init_from=w.safetensors", "no weights at w.safetensors"),
        ("--config.model.dtype=fp16", "expected one of 'float32', 'bfloat16'"),
        ("--config.data.augment.scale=(1, 0.08)", "with the lower number first"),
    ],
)
def test_what_is_not_there_is_refused(override, answer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=answer):
        load_run(QUICKSTART, [override])


@pytest.mark.parametrize("name", ["synthetic", "digits", "own.module:Class", "gs://bucket/images"])
def test_what_can_be_opened_later_passes(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_run(QUICKSTART, [f"--config.data.name={name}"]).data.name == name


def test_folders_files_and_prepared_sets_pass(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "images.zip").touch()
    prepared = tmp_path / "sets/flowers/1.2.0/dataset_info.json"
    prepared.parent.mkdir(parents=True)
    prepared.touch()
    for name in ("images", "images.zip", "flowers", "flowers:1.2.0"):
        load_run(QUICKSTART, [f"--config.data.name={name}", "--config.data.data_dir=sets"])
    with pytest.raises(UserError, match="no data 'flowers'"):
        load_run(QUICKSTART, ["--config.data.name=flowers:1.3.0", "--config.data.data_dir=sets"])


def test_the_folder_of_another_run_is_refused(tmp_path):
    config = load_run(QUICKSTART, ["--config.seed=7"]).to_json_best_effort()
    (tmp_path / "config.json").write_text(f'{{"config": {config}}}')
    with pytest.raises(UserError, match="seed: 7 -> 0"):
        load_run(QUICKSTART, [], workdir=tmp_path)


def test_jax_is_not_needed_to_refuse():
    code = f"""
import sys
from effjax.cli import main
try:
    main(["train", "--config={QUICKSTART}", "--config.data.name=nowhere/images"])
except SystemExit as exit_:
    print(exit_.code, "jax" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1 False\n"
