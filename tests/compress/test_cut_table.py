"""The table of cut networks."""

from effjax.compress.cut_table import BASE, ORIGINAL, Row, table_rows


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
