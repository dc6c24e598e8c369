"""The table of cut networks."""

from effjax.compress.cut_table import BASE, ORIGINAL, Row, table_rows, write
from effjax.trials.runs_table import read_runs


def test_the_table_compares_seed_by_seed():
    costs = {"params": 10.0, "macs": 100.0, "latency": 2.0}
    halved = {unit: cost / 2 for unit, cost in costs.items()}
    rows = []
    for seed, value in enumerate((0.5, 0.7, 0.6)):
        rows.append(Row(ORIGINAL, "", seed, value + 0.1, "", costs))
        rows.append(Row(BASE, "macs:0.5x", seed, value, "", halved))
        rows.append(Row("scratch", "macs:0.5x", seed, value - 0.2, "", halved))
    lines = {line[1]: line for line in table_rows(rows, ["macs:0.5x"])}
    assert lines["scratch"][3].startswith("-0.2000")
    assert lines["scratch"][4] == "worse"
    assert lines[BASE][-2:] == ["50 %", "50 %"]
    assert lines[ORIGINAL][-1] == "100 %"


def test_rows_are_kept_by_arm_and_budget(tmp_path):
    costs = {"params": 10.0, "macs": 100.0, "latency": 2.0}
    rows = [Row(ORIGINAL, "", 0, 0.6, "", costs), Row(BASE, "macs:0.5x", 0, None, "lost", costs)]
    write(rows, tmp_path)
    results = [(r.trial.variant, r.value, r.reason) for r in read_runs(tmp_path)]
    assert results == [("original", 0.6, ""), ("pruned macs:0.5x", None, "lost")]
