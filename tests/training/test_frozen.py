"""Which layers are frozen whole, and what becomes of their state."""

from effjax.training.frozen import frozen_layers, keep_frozen, lies_in

PARAMS = {
    "stem": {"conv": {"kernel": 0.0}, "norm": {"scale": 0.0, "bias": 0.0}},
    "head": {"fc": {"kernel": 0.0, "bias": 0.0}},
}


def test_a_layer_is_frozen_if_nothing_in_it_is_learned():
    held = {"stem/conv/kernel", "stem/norm/scale", "stem/norm/bias", "head/fc/bias"}
    assert frozen_layers(PARAMS, held) == {("stem",), ("stem", "conv"), ("stem", "norm")}
    assert frozen_layers(PARAMS, held - {"stem/norm/bias"}) == {("stem", "conv")}
    assert frozen_layers(PARAMS, frozenset()) == frozenset()


def test_what_lies_inside_a_frozen_layer_is_frozen():
    layers = frozenset({("stem",)})
    assert lies_in(("stem", "Dropout_0"), layers)
    assert not lies_in(("head", "stem"), layers)
    assert not lies_in((), layers)


def test_state_of_frozen_layers_stays():
    old = {"batch_stats": {"stem": {"norm": {"mean": 1.0}}, "head": {"norm": {"mean": 1.0}}}}
    new = {"batch_stats": {"stem": {"norm": {"mean": 2.0}}, "head": {"norm": {"mean": 2.0}}}}
    kept = keep_frozen(new, old, frozenset({("stem",)}))
    assert kept["batch_stats"]["stem"]["norm"]["mean"] == 1.0
    assert kept["batch_stats"]["head"]["norm"]["mean"] == 2.0
    assert keep_frozen(new, old, frozenset()) is new


def test_state_that_belongs_to_no_layer_is_left_alone():
    assert keep_frozen({"queue": 3.0}, {"queue": 0.0}, frozenset({("queue",)})) == {"queue": 3.0}
