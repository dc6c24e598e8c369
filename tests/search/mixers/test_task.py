"""The network that is searched, what it is refused, and what alphas stand for."""

import jax.numpy as jnp
import pytest

from effjax.config import View
from effjax.errors import UserError
from effjax.search.mixers.darts import MixerDartsSearch
from tests.search.mixers.small import FIELDS, FIRST, SECOND, task_config


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ((), "config.task.choices names no mixers"),
        ((("mlp_ratio", ("1", "2")),), "mlp_ratio is no path of a mixer"),
    ],
)
def test_choices_of_something_else_are_refused(choices, message):
    with pytest.raises(UserError, match=message):
        MixerDartsSearch(View(task_config("mixer_darts", choices=choices)))


def test_a_network_without_mixers_is_refused():
    config = task_config("mixer_darts")
    config.model.update(name="resnet18")
    for field in FIELDS:
        del config.model[field]
    with pytest.raises(UserError, match="has no field 'mixers'"):
        _ = MixerDartsSearch(View(config)).space


def test_alphas_stand_for_the_most_probable_mixers():
    task = MixerDartsSearch(View(task_config("mixer_darts")))
    assert task.alpha_shapes() == {FIRST: (4,), SECOND: (2,)}
    (mixers,) = task.supernet.architecture.mixers
    assert [mixer.partition("(")[0] for mixer in mixers] == ["weighted_sum", "weighted_sum"]
    alphas = {FIRST: jnp.array([2.0, 0.0, 1.0, 0.0]), SECOND: jnp.array([0.0, 1.0])}
    assert task.chosen(alphas) == {FIRST: 0, SECOND: 1}
    assert task.skips_of(alphas) == 2
