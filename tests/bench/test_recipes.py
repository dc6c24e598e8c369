"""A recipe of `effjax train` with the optimizer of a trial."""

import pytest

from effjax.bench.recipes import recipe_fingerprint, trial_config
from effjax.bench.schema import workload
from effjax.bench.tuning import Trial
from effjax.config import View, check
from effjax.runs.schema import RunConfig

SETTINGS = {"learning_rate": 0.1, "weight_decay": 0.0, "momentum": 0.9, "nesterov": True}


@pytest.mark.parametrize("file", ["resnet.py:50-a2", "vit.py:small", "caformer.py:s18"])
def test_only_the_optimizer_is_another(file):
    w = View(
        workload(
            problem="recipe",
            recipe=f"configs/imagenet/{file}",
            batch_size=64,
            max_steps=10,
            eval_every=5,
        )
    )
    configs = [
        trial_config(w, Trial("a", name, 0, settings, "cosine", seed))
        for name, settings, seed in [("sgd", SETTINGS, 3), ("adan", {"learning_rate": 1e-3}, 4)]
    ]
    for config in configs:
        check(config, RunConfig)
        assert (config.total_steps, config.data.batch_size) == (10.0, 64)
        assert config.evals.val.every_steps == 5.0
    assert {key: configs[0].optim.default[key] for key in SETTINGS} == SETTINGS
    assert "momentum" not in configs[1].optim.default
    assert configs[0].optim.default.decay == configs[1].optim.default.decay
    assert [config.seed for config in configs] == [3, 4]
    assert [config.parallel.devices for config in configs] == [1, 1]  # of a CPU
    assert len(recipe_fingerprint(w)) == 16
