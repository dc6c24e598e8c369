import pytest

from effjax.errors import UserError
from effjax.tasks.adversarial.options import AdversarialConfig, check_options


def test_a_ratio_needs_a_classifier():
    assert AdversarialConfig().groups == ("generator", "critic")
    assert AdversarialConfig(ratio_clip=0.4).groups[-1] == "classifier"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"consistency": 1.0}, "set critic_dropout"),
        ({"consistency_margin": 1.0}, "is of consistency"),
        ({"ratio_clip": 0.4}, "game=wasserstein"),
        ({"weighted_critic": True, "game": "hinge"}, "game=wasserstein"),
    ],
)
def test_what_contradicts_itself_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        check_options(AdversarialConfig(**options))
