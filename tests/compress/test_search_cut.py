"""Cuts of a run's network to shares that are searched."""

import pytest

from effjax import cli, models
from effjax.compress.cut_record import read_cut
from effjax.compress.search_cut import search_cut
from effjax.costs.exact import count
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.runs.folder import FOUND_ARCHITECTURE
from effjax.tasks.run import train
from tests.compress.gates.test_task import config_of

QUIET = choose_display(quiet=True)


@pytest.mark.slow
def test_a_run_is_cut_and_the_same_seed_gives_the_same(tmp_path):
    run = tmp_path / "run"
    train(config_of(), run, display=QUIET)
    kept = []
    for name in ("one", "two"):
        out = tmp_path / name
        before, after = search_cut(run, out, "macs:0.6x", "l1", 4, QUIET)["macs"]
        assert after <= 0.6 * before
        model = models.create_model(str(out / FOUND_ARCHITECTURE), num_classes=3)
        assert count(model, (8, 8, 3), "macs") == after
        record = read_cut(out)
        assert record["search"]["evaluations"] == 4
        kept.append((record["kept"], record["search"]))
    assert kept[0] == kept[1]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--importance=blocks"], "not for blocks"),
        (["--importance=isp"], "not for isp"),
        (["--evaluations=0"], "give 1 or more"),
        (["--budget=latency:3"], "macs or params, not of latency"),
        ([], "not a run's folder"),
    ],
)
def test_what_makes_no_sense_is_refused(flags, message, tmp_path):
    words = ["compress", f"--workdir={tmp_path}", "--budget=macs:0.5x", "--ratios=search", *flags]
    args = cli.parse(words)
    with pytest.raises(UserError, match=message):
        cli.VERBS["compress"].run(args)
