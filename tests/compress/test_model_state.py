"""The network's state, and what stands beside it."""

from effjax.compress.model_state import divided


def test_what_is_kept_is_none_of_the_network():
    state = {"batch_stats": {"mean": 1.0}, "masks": {"kernel": 2}}
    assert divided(state, "masks") == ({"batch_stats": {"mean": 1.0}}, {"kernel": 2})
    assert set(state) == {"batch_stats", "masks"}
