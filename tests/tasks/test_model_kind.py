"""A model of another kind is refused by its kind, not by a field that it has not."""

import pytest

from effjax.errors import UserError
from effjax.tasks.model_kind import check_kind
from effjax.tasks.run import build
from tests.training import tiny


def test_a_denoiser_in_a_classification_says_which_task_it_is_for():
    config = tiny.get_config("caformer")  # whose `depths` a DiT has not
    config.model.name = "dit_s_2"
    config.parallel.devices = 1
    with pytest.raises(UserError) as told:
        build(config)
    assert "config.model.name = 'dit_s_2' is a denoiser" in str(told.value)
    assert "--config.task.name=diffusion" in str(told.value)


def test_kinds():
    check_kind("caformer_s18.sail_in1k", "classifier", "classification")
    check_kind("dit_s_2", "denoiser", "diffusion")
    with pytest.raises(UserError, match=r"--config\.task\.name=classification"):
        check_kind("caformer_s18", "denoiser", "diffusion")
    with pytest.raises(UserError, match="unknown model 'caformer_s19'"):
        check_kind("caformer_s19", "classifier", "classification")
