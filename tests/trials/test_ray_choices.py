"""Directions and schedulers; the searcher is run by `test_ray_runner`."""

from types import SimpleNamespace

from effjax.trials.ray_choices import make_scheduler, mode_of


def test_directions():
    modes = [mode_of(name) for name in ("val/loss", "val/error", "val/top1")]
    assert modes == ["min", "min", "max"]


def test_asha_compares_the_metric_in_its_direction():
    tune = SimpleNamespace(schedulers=SimpleNamespace(ASHAScheduler=dict))
    assert make_scheduler(tune, "none", "val/loss") is None
    scheduler = make_scheduler(tune, "asha", "val/top1")
    assert (scheduler["metric"], scheduler["mode"]) == ("val/top1", "max")
