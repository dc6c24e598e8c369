"""Fine-tuning: preprocessing from the weights' tag, and a run."""

import pytest

import effjax
from effjax import models
from effjax.config import load
from effjax.errors import UserError
from effjax.inspect.listing import config_folder
from effjax.report import choose_display
from effjax.runs.schema import RunConfig
from effjax.tasks import run as setup

FILE = config_folder() / "finetune.py"


@pytest.mark.parametrize("name", models.list_models(pretrained=True))
def test_images_are_seen_as_the_weights_want_them(name):
    config = load(f"{FILE}:{name}", [], RunConfig)
    facts = models.pretrained(name)
    data = config.data
    assert (data.image_size, data.eval_crop) == (facts.input_size, facts.crop)
    assert (data.mean, data.std) == (facts.mean, facts.std)
    assert config.init_from == name
    assert config.model.name == name.partition(".")[0]


def test_an_architecture_alone_starts_from_nothing_or_from_a_file():
    assert load(f"{FILE}:resnet18", [], RunConfig).init_from is None
    with pytest.raises(UserError, match="resnet18"):
        load(f"{FILE}:resnet19", [], RunConfig)


# image families; the video and few-shot models need other inputs
FAMILIES = ["resnet18", "poolformer_s12", "inception_next_atto", "inception_transformer_small"]
FAMILIES += ["convnext_atto", "vit_tiny_patch16_224"]


@pytest.mark.parametrize(
    "name", [FAMILIES[0], *(pytest.param(name, marks=pytest.mark.slow) for name in FAMILIES[1:])]
)
def test_rates_fall_with_depth_in_every_family(name):
    size = ["--config.data.name=synthetic", "--config.data.batch_size=8"]
    config = load(f"{FILE}:{name}", size, RunConfig)
    built = setup.build(config)
    assert built.task.model.num_classes == 10


@pytest.mark.slow
def test_quick_runs(tmp_path):
    config = load(f"{FILE}:quick", [], RunConfig)
    assert effjax.train(config, tmp_path / "run", display=choose_display(quiet=True))["step"] == 4
