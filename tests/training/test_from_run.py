"""A run's folder in the place of a model's name."""

import json

import pytest

import effjax
from effjax.errors import UserError
from effjax.training.from_run import use_run


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """runs/photos, as far as it is read here."""
    stored = effjax.default_config()
    stored.model.update(name="caformer_s18", dims=(8, 8, 32, 32), drop_path_rate=0.3, num_classes=3)
    stored.data.update(image_size=32, mean=(0.5, 0.5, 0.5), eval_crop=0.9)
    (tmp_path / "runs/photos").mkdir(parents=True)
    content = {"config": json.loads(stored.to_json_best_effort())}
    (tmp_path / "runs/photos/config.json").write_text(json.dumps(content))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs/photos"


@pytest.mark.parametrize("source", ["runs/photos", "runs/photos:best"])
def test_architecture_weights_and_preprocessing_are_the_runs(folder, source):
    config = effjax.default_config()
    config.model.update(name=source, depths=(1, 1), kernel_sizes=3)  # of another model
    config.data.eval_crop = 0.8
    use_run(config)
    assert config.model.name == "caformer_s18"
    assert tuple(config.model.dims) == (8, 8, 32, 32)
    assert "kernel_sizes" not in config.model
    assert "depths" not in config.model
    assert config.model.num_classes is None  # the data say
    assert config.model.drop_path_rate == 0.3
    assert config.init_from == source
    assert config.data.image_size == 32
    assert config.data.mean == (0.5, 0.5, 0.5)
    assert config.data.eval_crop == 0.8  # given


def test_what_the_config_says_of_training_stays(folder):
    config = effjax.default_config()
    config.init_from = "other.safetensors"
    config.model.update(name="runs/photos", drop_path_rate=0.1)
    use_run(config)
    assert config.model.drop_path_rate == 0.1
    assert config.init_from == "other.safetensors"


def test_what_a_search_found_is_taken(folder):
    found = {"architecture": "convformer_s18", "fields": {"dims": [4, 4, 4, 4]}}
    (folder / "architecture.json").write_text(json.dumps(found))
    config = effjax.default_config()
    config.model.name = "runs/photos"
    use_run(config)
    assert config.model.name == "convformer_s18"
    assert config.model.dims == [4, 4, 4, 4]


def test_a_path_without_a_run_is_refused(folder):
    config = effjax.default_config()
    config.model.name = "runs/photo"
    with pytest.raises(UserError, match="is no run's folder; did you mean 'runs/photos'"):
        use_run(config)
    config.model.name = "caformer_s18"
    use_run(config)
    assert config == effjax.default_config()
