"""The ImageNet recipes: every variant can be built, and `quick` runs."""

import importlib.util
from pathlib import Path

import pytest

import effjax
from effjax import models
from effjax.config import load
from effjax.errors import UserError
from effjax.inspect.listing import config_folder
from effjax.report import choose_display
from effjax.runs.schema import RunConfig
from effjax.tasks import run as setup

FOLDER = config_folder() / "imagenet"
# the variants of each file, the default one first
VARIANTS = {
    "poolformer": ["s12", "s24", "s36", "m36", "m48"],
    "metaformer_baselines": [
        f"{family}_{size}"
        for family in ("poolformerv2", "identityformer", "randformer")
        for size in ("s12", "s24", "s36", "m36", "m48")
    ],
    "convformer": [f"{size}{at}" for at in ("", "_384") for size in ("s18", "s36", "m36", "b36")],
    "caformer": [f"{size}{at}" for at in ("", "_384") for size in ("s18", "s36", "m36", "b36")],
    "inceptionnext": ["tiny", "atto", "small", "base", "base_384"],
    "inception_transformer": [
        f"{s}{at}" for at in ("", "_384") for s in ("small", "base", "large")
    ],
    "convnext": ["tiny", "small", "base", "large"],
    "vit": ["small", "tiny", "base"],
    "resnet": [f"{n}-{r}" for r in ("a2", "a1", "a3", "original") for n in (50, 18, 34, 101)],
}
ALL = [
    pytest.param(file, arg, marks=[] if arg == args[0] else pytest.mark.slow)
    for file, args in VARIANTS.items()
    for arg in args
]


def test_every_file_is_covered():
    files = {path.stem for path in FOLDER.glob("[a-z]*.py")} - {"evaluate"}
    assert files == set(VARIANTS)


@pytest.mark.parametrize(("file", "arg"), ALL)
def test_a_recipe_can_be_built(file, arg):
    config = load(f"{FOLDER}/{file}.py:{arg}", [], RunConfig)
    # the published rates of stochastic depth are those that the registered model has
    default = models.default_fields(config.model.name)["drop_path_rate"]
    if "384" not in arg and file not in ("vit", "resnet"):
        assert config.model.drop_path_rate == default
    batch = config.data.batch_size
    config.data.update(name="synthetic", synthetic_examples=batch, synthetic_classes=1000)
    if config.schedule.get("hold_steps"):  # counted for ImageNet's epochs, not for this one
        assert config.schedule.hold_steps * batch == pytest.approx(10 * 1281167, rel=0.01)
        config.schedule.hold_steps = 1
    built = setup.build(config)  # parameters, optimizer and schedule by shape alone
    assert built.clock.total_steps >= 90 or "384" in arg
    assert built.task.evaluators(built.config)["val"].source.image_shape[0] in (224, 384)


@pytest.mark.slow
@pytest.mark.parametrize("file", VARIANTS)
def test_quick_runs(file, tmp_path):
    config = load(f"{FOLDER}/{file}.py:quick", [], RunConfig)
    summary = effjax.train(config, tmp_path / "run", display=choose_display(quiet=True))
    assert summary["step"] == 4


@pytest.mark.parametrize("file", VARIANTS)
def test_an_unknown_variant_is_named(file):
    with pytest.raises(UserError, match=f"{VARIANTS[file][0]}.*quick"):
        load(f"{FOLDER}/{file}.py:s99", [], RunConfig)


def test_configs_of_another_folder_do_not_see_what_these_share(tmp_path):
    (tmp_path / "alone.py").write_text("import _imagenet_\n")
    assert importlib.util.find_spec("_imagenet_") is None
    with pytest.raises(UserError, match="_imagenet_"):
        load(str(Path(tmp_path) / "alone.py"), [], RunConfig)
