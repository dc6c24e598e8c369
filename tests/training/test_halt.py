"""What is done between two updates; the whole of it is walked through in test_loop."""

import types

import pytest

from effjax.training.halt import _improves, _is_missing, read_metrics


@pytest.mark.parametrize(
    ("metric", "row", "missing"),
    [
        (None, {}, False),
        ("val/top1", {"val/top1": 0.5}, False),
        ("val/top1", {"val/loss": 0.5}, True),
        ("val_ema/top1", {"val/loss": 0.5}, True),
        ("test/top1", {"val/loss": 0.5}, False),  # not measured at this step
    ],
)
def test_a_metric_that_was_to_be_measured(metric, row, missing):
    assert _is_missing(metric, ("val",), row) == missing


def test_only_a_better_value_improves():
    run = types.SimpleNamespace(keep_best="val/loss", best=None)
    values = [0.5, 0.6, float("nan"), 0.4]
    assert [_improves(run, {"val/loss": value}) for value in values] == [True, False, False, True]
    assert run.best == 0.4
    run.keep_best = None
    assert not _improves(run, {"val/loss": 0.0})


def test_norms_come_in_a_row_of_their_own_where_no_other_is_due():
    rows, shown = [], []
    layers = types.SimpleNamespace(params={"w": 0})
    noise = types.SimpleNamespace(see=lambda values: None)
    run = types.SimpleNamespace(
        noise=noise,
        updates=types.SimpleNamespace(
            settle=lambda: (2, {"train/loss": 1.0, "optim/lr": 0.1}), norms=[[3.0], [4.0]]
        ),
        display=types.SimpleNamespace(update=lambda step, values: shown.append((step, values))),
        agenda=types.SimpleNamespace(logs=lambda step: False, logs_norms=lambda step: True),
        setup=types.SimpleNamespace(abstract=layers),
        writer=types.SimpleNamespace(write=lambda step, values: rows.append((step, values))),
    )
    read_metrics(run)
    assert shown == [(2, {"train/loss": 1.0})]
    assert rows == [(2, {"layers/grad_norm/w": 3.0, "layers/update_norm/w": 4.0})]
