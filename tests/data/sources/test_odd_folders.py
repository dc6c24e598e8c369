"""Odd folders, archives and arrays, and what docs/own_images.md says of them."""

import re
from pathlib import Path

import pytest

from effjax.data import DataConfig, open_split
from effjax.data.tools.check import check
from effjax.errors import UserError
from tests.data.sources.odd_sets import Maker

PAGE = Path(__file__).parents[3] / "docs/own_images.md"
TABLE = PAGE.read_text().partition("## Odd folders and archives")[2].partition("\n## ")[0]
ROWS = dict(re.findall(r"^\| `([^`]+)`[^|]*\| ([^|]+) \|$", TABLE, re.MULTILINE))


@pytest.mark.parametrize("name", ROWS)
def test_the_table_says_what_happens(name, tmp_path):
    path, said = str(Maker(tmp_path).make(name)), ROWS[name]
    config = DataConfig(name=path, image_size=8, on_error="skip")
    how = {"seed": 0, "batch_size": 2, "train": True}
    if said.startswith("refused"):
        parts = said.split("`")[1].split("...")
        pattern = ".*".join(re.escape(part.strip()) for part in parts)
        for read in (lambda: check(path), lambda: open_split(config, "train", **how)):
            with pytest.raises(UserError, match=f"(?s){pattern}") as caught:
                read()
            assert len(str(caught.value).splitlines()) == 2
        return
    report = check(path)
    (classes,) = re.findall(r"^(\d+) classes", said)
    assert {len(counts) for counts in report.counts.values()} == {int(classes)}
    for reason, count in re.findall(r"ignored, ([^:]+): (\d+)", said):
        found = [names for why, names in report.ignored.items() if why.startswith(reason)]
        assert sum(map(len, found)) == int(count)
    reasons = re.findall("cannot be read: `([^`]+)`", said)
    assert len(report.broken) == len(reasons)
    for wanted, (_, reason) in zip(reasons, report.broken):
        assert reason.startswith(wanted.rstrip("."))
    split = open_split(config, "train", **how)
    with split.batches() as batches:
        seen = [next(batches) for _ in range(split.steps_per_epoch)]
    assert sum(batch["mask"].sum() for batch in seen) > 0
