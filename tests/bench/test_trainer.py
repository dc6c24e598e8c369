"""Training what has no row: failures are rows, a full disk and a stop are not."""

import errno

import pytest

from effjax.bench import optimizer, trainer
from effjax.bench.results import read_rows
from effjax.errors import UserError
from tests.bench.configs import run, small_config


def test_what_fails_is_a_row(tmp_path):
    config = small_config(
        wild=optimizer(name="sgd", learning_rate=1e12),
        lost=optimizer(name="dpsgd", l2_norm_clip=1.0, noise_multiplier=1.0),
    )
    run(config, tmp_path)
    every = read_rows(tmp_path)
    rows = {n: [r for r in every if r["optimizer"] == n] for n in ("wild", "lost")}
    assert {row["status"] for row in rows["wild"]} == {"diverged"}
    assert rows["wild"][0]["reason"].startswith("not finite at step")
    for row in rows["wild"]:  # nothing counts from there on, an error that came out as 0 least
        ends = {column.index(None) for column in row["values"].values()}
        assert len(ends) == 1
        assert f"step {row['steps'][min(ends)]} " in row["reason"]
        assert all(v is None for c in row["values"].values() for v in c[min(ends) :])
    assert {row["status"] for row in rows["lost"]} == {"failed"}
    assert "Trials that diverged or raised" in (tmp_path / "report.md").read_text()
    assert "4/4" in (tmp_path / "scores.csv").read_text()


def test_a_full_disk_ends_the_benchmark(tmp_path, monkeypatch):
    """One sentence, and no trial is marked as failed."""

    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(trainer, "run_program", refuse)
    with pytest.raises(UserError, match="the disk is full\nmake room"):
        run(small_config(), tmp_path)
    assert read_rows(tmp_path) == []
