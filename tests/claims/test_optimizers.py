"""Rows from a bench's results: those that ship give the report's own ratios."""

from pathlib import Path

from effjax.claims.claim import claims_folder, read_claims
from effjax.claims.optimizers import Optimizers
from effjax.claims.question import Times
from effjax.claims.row import read_rows

BENCH = Optimizers("configs/bench/cpu.py", 8.0)
BASELINES = Path("configs/bench/baselines")
RESULTS = BASELINES / "cpu"


def test_the_answer_is_that_of_the_report():
    rows = list(BENCH.read(("adamw", "adan"), RESULTS, "small"))
    assert len(rows) == BENCH.planned(("adamw", "adan")) == 18
    answer = Times("adan", "adamw", 2.0).answer(rows, less_is_better=True)
    # docs/bench_cpu.md: 1.29 (1.06 to 1.57), not true here
    assert answer.measured.startswith("adamw / adan = 1.29 [1.06, 1.57]")
    assert answer.word == "not true here"


def test_the_end_of_a_training_counts_too():
    end = Optimizers("configs/bench/cpu.py", 8.0, measured="end")
    rows = list(end.read(("adamw",), RESULTS, "small"))
    assert all(0.0 < row.value < 3.0 for row in rows)


def test_rows_that_ship_are_those_of_the_bench():
    folder = claims_folder()
    for claim in read_claims(folder).values():
        evidence = claim.sizes.get("small")
        if isinstance(evidence, Optimizers):
            shipped = read_rows(folder / "rows", claim.name)
            results = BASELINES / Path(evidence.config).stem
            made = evidence.read(claim.question.arms, results, "small")
            assert [r.value for r in shipped] == [r.value for r in made]
