import pytest

from effjax.errors import UserError
from effjax.tasks.pretraining.contrast.options import ContrastConfig, check_options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"queue": 100}, "set it to 96"),
        ({"norm_groups": 5}, "does not divide"),
        ({"queue": 64, "predictor_layers": 2}, "which has no queue"),
        ({"queue": 64, "cluster_restarts": 3}, "does nothing without"),
        ({"queue": 0, "clusters": (50,)}, "stands on MoCo with a queue"),
        ({"queue": 64, "clusters": (50, 70), "cluster_negatives": 20}, "give at most 18"),
    ],
)
def test_what_does_not_go_together_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        check_options(ContrastConfig(**options), batch_size=32)


def test_what_goes_together_is_taken():
    check_options(ContrastConfig(queue=64, clusters=(50,), cluster_negatives=18), batch_size=32)
    check_options(ContrastConfig(queue=0, predictor_layers=2), batch_size=32)
