"""From what a run begins."""

import pytest

import effjax
from effjax.config import View
from effjax.errors import UserError
from effjax.training.start import _in_words, check_one_start


def test_one_start_alone():
    config = effjax.default_config()
    config.init_from = "weights.safetensors"
    check_one_start(View(config))
    config.continue_from = "runs/x"
    with pytest.raises(UserError, match="are both set; give one of them"):
        check_one_start(View(config))


def test_a_report_in_words():
    report = {"loaded": ["a", "b"], "resized": [], "replaced": ["head"]}
    assert _in_words(report) == "2 loaded, 1 replaced"
