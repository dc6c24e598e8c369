import jax
import pytest

from effjax.config import View
from effjax.errors import UserError
from effjax.tasks.few_shot.evaluator import EpisodeEvaluator
from effjax.tasks.few_shot.task import FewShot
from tests.tasks.few_shot.test_task import batch, tiny_config


def evaluator(**section):
    config = tiny_config()
    config.evals.val.update(section)
    view = View(config)
    return FewShot(view), EpisodeEvaluator(FewShot(view), view, "val")


@pytest.mark.slow
def test_accuracy_comes_with_its_interval_on_the_same_episodes():
    task, found = evaluator()
    params, state = jax.jit(task.init)(jax.random.key(0), batch())
    variables = {"params": params, **state}
    first = dict(found(variables, jax.random.key(0), found.source.batches()))
    names = ("3way_1shot", "3way_1shot_half_width")
    prefixes = ("", "untrained_", "pixels_")
    assert first.keys() == {prefix + name for prefix in prefixes for name in names}
    assert 0 <= first["3way_1shot"] <= 1
    again = dict(found(variables, jax.random.key(5), found.source.batches()))
    assert again == first
    # this run has not begun: it is the untrained network
    assert first["untrained_3way_1shot"] == first["3way_1shot"]


def test_classes_are_named():
    _, found = evaluator(classes=("2", "0", "3"))
    assert found.source.class_names == ("2", "0", "3")


@pytest.mark.parametrize(
    ("section", "message"),
    [({"network": "teacher"}, "has student"), ({"shots": (0,)}, "out of range")],
)
def test_what_there_is_not_is_refused(section, message):
    with pytest.raises(UserError, match=message):
        evaluator(**section)
