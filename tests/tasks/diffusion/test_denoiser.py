"""The fields that images and process give a network; refusals are in `test_task`."""

import types

import pytest

from effjax.config import View
from effjax.diffusion import MeanFlow
from effjax.errors import UserError
from effjax.tasks.diffusion.denoiser import architecture_fields, make_denoiser
from effjax.tasks.diffusion.options import DiffusionConfig, make_process
from tests.tasks.diffusion.conftest import quick_config


def section_of(arg):
    return View(quick_config(arg)).model


def test_images_and_process_say_what_the_config_does_not():
    process = make_process(DiffusionConfig(process="meanflow"))
    assert isinstance(process, MeanFlow)
    fields = architecture_fields(section_of("meanflow"), process, (16, 16, 4))
    assert fields["in_chans"] == 4
    assert fields["image_size"] == 16
    assert fields["second_time"]
    assert not fields["learn_sigma"]


def test_fewer_classes_than_labels_are_refused():
    config = quick_config("dit")
    config.model.num_classes = 3
    split = types.SimpleNamespace(num_classes=10, image_shape=(8, 8, 3))
    options = DiffusionConfig()
    with pytest.raises(UserError, match="num_classes = 3, but the labels have 10 classes"):
        make_denoiser(View(config), options, make_process(options), split, None)
