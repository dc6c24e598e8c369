import jax.numpy as jnp
import numpy as np
import pytest

from effjax.optim import create_schedule, list_schedules

NAMES = sorted(list_schedules())
STEPS = np.arange(101)


def rates(name, **fields):
    """The rates of a run of 100 updates, and what would follow it."""
    return np.asarray(create_schedule(name, total_steps=100, **fields)(STEPS))


@pytest.mark.parametrize("name", NAMES)
def test_warm_up_peak_and_floor(name):
    lr = rates(name, peak=0.5, warmup_steps=10, end=0.01)
    np.testing.assert_allclose(lr[:10], 0.05 * STEPS[:10], rtol=1e-6)
    np.testing.assert_allclose(lr.max(), 0.5, rtol=1e-6)
    assert lr[10:].min() >= 0.01 - 1e-9


@pytest.mark.parametrize("name", NAMES)
def test_warm_up_starts_where_it_is_told(name):
    lr = create_schedule(name, peak=0.5, total_steps=100, warmup_steps=4, warmup_init=0.1)
    np.testing.assert_allclose(lr(jnp.arange(4)), [0.1, 0.2, 0.3, 0.4], rtol=1e-6)


def test_cosine_in_closed_form():
    lr = create_schedule("cosine", peak=1.0, total_steps=100, warmup_steps=20, end=0.1)
    np.testing.assert_allclose(lr(20), 1.0)
    np.testing.assert_allclose(lr(60), 0.55, rtol=1e-6)
    np.testing.assert_allclose(lr(40), 0.1 + 0.45 * (1 + np.cos(np.pi / 4)), rtol=1e-6)
    np.testing.assert_allclose(lr(1000), 0.1, rtol=1e-6)


def test_unshifted_cosine_goes_on_at_the_position_of_the_warm_up():
    lr = create_schedule("cosine", peak=1.0, total_steps=100, warmup_steps=20, shifted=False)
    np.testing.assert_allclose(lr(10), 0.5)
    np.testing.assert_allclose(lr(20), 0.5 * (1 + np.cos(0.2 * np.pi)), rtol=1e-6)
    np.testing.assert_allclose(lr(70), 0.5 * (1 + np.cos(0.7 * np.pi)), rtol=1e-6)


@pytest.mark.parametrize("shifted", [True, False])
def test_cosine_holds_the_end(shifted):
    fields = {"warmup_steps": 10, "end": 0.2, "hold_steps": 10, "shifted": shifted}
    lr = create_schedule("cosine", peak=1.0, total_steps=110, **fields)
    assert lr(99) > 0.2
    np.testing.assert_allclose(lr(np.arange(100, 110)), 0.2, rtol=1e-6)


def test_linear():
    lr = create_schedule("linear", peak=1.0, total_steps=110, warmup_steps=10, end=0.5)
    np.testing.assert_allclose(lr(jnp.array([10, 60, 110])), [1.0, 0.75, 0.5], rtol=1e-6)


def test_step_drops_at_shares_of_the_run():
    lr = create_schedule("step", peak=0.1, total_steps=100)
    expected = np.repeat([0.1, 0.02, 0.004, 0.0008], [30, 30, 20, 20])
    np.testing.assert_allclose(lr(STEPS[:100]), expected, rtol=1e-5)


def test_exponential():
    lr = create_schedule("exponential", peak=1.0, total_steps=100, factor=0.01)
    np.testing.assert_allclose(lr(jnp.array([0, 50, 100])), [1.0, 0.1, 0.01], rtol=1e-5)


def test_one_cycle_rises_and_falls_once():
    lr = rates("one_cycle", peak=1.0, warmup_init=0.04)
    np.testing.assert_allclose(lr[[0, 15, 30, 65, 100]], [0.04, 0.52, 1.0, 0.5, 0.0], atol=1e-6)


def test_wsd_is_flat_and_then_falls():
    lr = rates("wsd", peak=1.0, warmup_steps=10)
    np.testing.assert_allclose(lr[10:81], 1.0)
    np.testing.assert_allclose(lr[[90, 100]], [0.5, 0.0], atol=1e-6)
    root = rates("wsd", peak=1.0, warmup_steps=10, decay_shape="sqrt")
    np.testing.assert_allclose(root[[80, 85, 100]], [1.0, 0.5, 0.0], atol=1e-6)


def test_constant_with_cooldown():
    lr = rates("constant", peak=1.0, cooldown_steps=10, end=0.2)
    np.testing.assert_allclose(lr[:91], 1.0)
    np.testing.assert_allclose(lr[[95, 100]], [0.6, 0.2], rtol=1e-6)
    assert create_schedule("constant", peak=1.0, total_steps=100)(99) == 1.0


def test_inverse_sqrt_continues_the_warm_up():
    lr = create_schedule("inverse_sqrt", peak=1.0, total_steps=1000, warmup_steps=16)
    np.testing.assert_allclose(lr(jnp.array([16, 64, 256])), [1.0, 0.5, 0.25], rtol=1e-6)
    cooled = create_schedule(
        "inverse_sqrt", peak=1.0, total_steps=100, timescale=25, cooldown_steps=50
    )
    np.testing.assert_allclose(cooled(75), 0.5 * 0.5, rtol=1e-6)


def test_peak_below_end_is_never_raised():
    lr = create_schedule("cosine", peak=1e-3, total_steps=10, end=1e-2)
    np.testing.assert_allclose(lr(STEPS), 1e-3, rtol=1e-6)


def test_dtype_is_float32():
    assert create_schedule("cosine", peak=1.0, total_steps=10)(3).dtype == jnp.float32


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("cosin", {}, "did you mean 'cosine'"),
        ("cosine", {"shiffted": True}, "did you mean 'shifted'"),
        ("linear", {"shifted": True}, "no field 'shifted'"),
        ("cosine", {"warmup_steps": 11}, "warmup_steps=11"),
        ("cosine", {"peak": -1.0}, "got peak=-1.0, expected float in"),
        ("step", {"boundaries": (0.5, 0.2)}, "boundaries"),
        ("wsd", {"decay_shape": "square"}, "one of 'linear', 'sqrt'"),
    ],
)
def test_mistakes_are_answered(name, fields, message):
    with pytest.raises(ValueError, match=message):
        create_schedule(name, **{"peak": 1.0, "total_steps": 10, **fields})


def test_schedules_describe_themselves():
    info = list_schedules()["cosine"]
    assert info.fields == {"shifted": True, "hold_steps": 0}
    assert all(entry.line for entry in list_schedules().values())
