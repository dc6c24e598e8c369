"""Plans: names, folders, mistakes, and the ablations that ship."""

import jax
import jax.numpy as jnp
import pytest

from effjax import create_model
from effjax.config import call_config
from effjax.errors import UserError
from effjax.trials.plan import Sweep, make_plan
from tests.trials.configs import VARIANTS, write_config

POINTS = """

def sweep(arg=None):
    from effjax.sweep import Sweep, grid
    names = {"optim.default.name": ["adan", "adamw"]}
    return Sweep(grid({**names, "optim.default.learning_rate": [0.1]}))
"""


def test_names_of_points(tmp_path):
    plan = make_plan(write_config(tmp_path, POINTS), [], tmp_path)
    assert plan.variants == ["name=adan learning_rate=0.1", "name=adamw learning_rate=0.1"]
    assert plan.trials[0].workdir == tmp_path / "name=adan-learning_rate=0.1" / "seed0"
    assert plan.trials[4].config.optim.default.name == "adamw"
    assert plan.trials[4].config.seed == plan.trials[4].seed == 1


def test_each_seed_may_start_from_a_run_of_its_own(tmp_path):
    point = '{"init_from": "runs/{seed}/seed{seed}", '
    text = VARIANTS.replace('"lost": {', f'"lost": {point}')
    plan = make_plan(write_config(tmp_path, text), [], tmp_path)
    starts = {(trial.variant, trial.seed): trial.config.init_from for trial in plan.trials}
    assert starts["lost", 0] == "runs/0/seed0"
    assert starts["lost", 1] == "runs/1/seed1"
    assert starts["base", 1] is None


def test_the_base_comes_first(tmp_path):
    text = VARIANTS.replace("metric=", "base='hot', metric=")
    plan = make_plan(write_config(tmp_path, text), [], tmp_path)
    assert (plan.base, plan.variants) == ("hot", ["hot", "base", "lost"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no function sweep"),
        ("\ndef sweep():\n    return {}\n", "returned a dict"),
        (VARIANTS.replace("metric=", "base='bsae', metric="), "did you mean 'base'"),
        (VARIANTS.replace("learning_rate", "learning_rat"), None),
        (
            VARIANTS.replace("optim.default", "optm.default"),
            "variant 'hot': .*did you mean 'optim'",
        ),
        (VARIANTS.replace('"lost"', '"hot "'), "share a folder"),
        (VARIANTS.replace("(0, 1)", "()"), "there are none; give at least one"),
        (VARIANTS.replace("(0, 1)", "(0, 0)"), "names a seed twice"),
        (VARIANTS.replace("(0, 1)", "(0, -1)"), "-1; expected whole numbers from 0"),
        (VARIANTS.replace("(0, 1)", "(True,)"), "True; expected whole numbers"),
    ],
)
def test_mistakes(tmp_path, text, message):
    spec = write_config(tmp_path, text)
    if message is None:  # an open section: found when the optimizer is made, and a row then
        assert make_plan(spec, [], tmp_path)
        return
    with pytest.raises(UserError, match=message):
        make_plan(spec, [], tmp_path)


@pytest.mark.slow
def test_every_ablation_is_a_plan(tmp_path):
    """All variants of all files: keys and values are right, and quick ones can be built."""
    models = {}
    for name in ("mixers", "norms", "activations", "scales", "branches", "rates"):
        spec = f"configs/ablations/{name}.py"
        assert isinstance(call_config(spec, "sweep"), Sweep)
        plan = make_plan(spec, [], tmp_path)
        assert len(plan.trials) == 3 * len(plan.variants) >= 12
        for trial in plan.trials[::3]:
            models[repr(model_fields(trial.config))] = model_fields(trial.config)
    for fields in models.values():  # each once: variants may differ in their rates alone
        build_model(fields)


def model_fields(config):
    return {k: v for k, v in config.model.items() if k not in ("num_classes", "arch")}


def build_model(fields):
    model = create_model(num_classes=10, **fields)
    shape = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 32, 32, 3)))
    assert jax.tree.leaves(shape["params"])


def test_folds_hold_out_each_part_once(tmp_path):
    text = VARIANTS.replace("metric=", "folds=3, metric=")
    plan = make_plan(write_config(tmp_path, text), [], tmp_path)
    own = [trial for trial in plan.trials if trial.variant == plan.base and trial.seed == 0]
    splits = [(trial.config.data.val_split, trial.config.data.train_split) for trial in own]
    assert splits == [
        ("train[0%:33%]", "train[33%:]"),
        ("train[33%:67%]", "train[:33%]+train[67%:]"),
        ("train[67%:100%]", "train[:67%]"),
    ]
    assert own[2].workdir.name == "seed0-fold2"
    assert own[2].repetition == (0, 2)
    for wrong, message in (("folds=1,", "expected 2 to 20"), ("folds=21,", "expected 2 to 20")):
        with pytest.raises(UserError, match=message):
            make_plan(write_config(tmp_path, text.replace("folds=3,", wrong)), [], tmp_path)
    divided = ["--config.data.train_split=train[:50%]"]
    with pytest.raises(UserError, match="cannot be divided into folds"):
        make_plan(write_config(tmp_path, text), divided, tmp_path)
