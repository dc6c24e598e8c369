import pytest

from effjax.errors import UserError
from effjax.tasks.pretraining.self_distillation.options import DistillationConfig


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"terms": ()}, "one at least"),
        ({"terms": ("group", "group")}, "once at most"),
        ({"momentum": 0.99, "momentum_end": 0.9}, "a teacher slows down"),
        ({"terms": ("local_group",), "memory": 4, "neighbours": 8}, "8 of a memory of 4"),
        ({"patch_ratio": (0.5, 0.1)}, "the first is the smaller"),
        ({"terms": ("instance",), "patch_weight": 1.0}, "uses the head of the term 'group'"),
        ({"memory": 64}, "memory belongs to the term 'local_group'"),
        ({"terms": ("instance",), "centring": "sinkhorn"}, "belongs to the term 'group'"),
    ],
)
def test_what_does_not_fit_is_refused(fields, message):
    with pytest.raises(UserError, match=message):
        DistillationConfig(**fields)
