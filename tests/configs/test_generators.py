"""The generators that configs/ablations/generators.py compares are of equal cost."""

import runpy
from pathlib import Path

import pytest

from effjax import models
from effjax.trials.plan import make_plan

CONFIG = "configs/ablations/generators.py"
SHAPE = (32, 32, 3)


@pytest.mark.slow
def test_denoisers_take_equal_multiply_adds():
    macs = {}
    for name, point in runpy.run_path(CONFIG)["DENOISERS"].items():
        fields = {key[6:]: value for key, value in point.items() if key.startswith("model.")}
        if "image_size" in models.default_fields(fields["name"]):
            fields["image_size"] = SHAPE[0]
        network = models.create_model(fields.pop("name"), num_classes=10, in_chans=3, **fields)
        macs[name] = models.cost(network, SHAPE).macs
    assert macs == pytest.approx(dict.fromkeys(macs, macs["DiT"]), rel=0.035)


def test_half_of_the_steps_is_half(tmp_path):
    plan = make_plan(CONFIG, [], Path(tmp_path))
    steps = {trial.variant: trial.config.total_steps for trial in plan.trials}
    assert steps["MDT, half the steps"] == steps["DiT"] / 2
    assert steps["FDM, half the steps"] == steps["FDM"] / 2 == steps["EDM"] / 2


def test_only_games_with_a_ratio_have_a_classifier(tmp_path):
    plan = make_plan(f"{CONFIG}:gan", [], Path(tmp_path))
    for trial in plan.trials:
        has_ratio = trial.config.task.get("ratio_clip") is not None
        assert ("classifier" in trial.config.optim) == has_ratio
