"""What Optuna chooses, without a training: what a run has reached is written by hand."""

import json

import pytest

from effjax.errors import UserError
from effjax.sweep.verb import suggest
from effjax.trials.suggest import choose_row
from effjax.trials.worker import write_failure
from tests.trials.configs import RANGES, VARIANTS, write_config


def finish(trial):
    """The run of a trial as if it had been trained: its loss is the distance to a rate of 1e-3."""
    rate = trial.config.optim.default.learning_rate
    trial.workdir.mkdir(parents=True)
    summary = {"step": 1, "final": {"val/loss": abs(rate - 1e-3)}, "best": {}}
    (trial.workdir / "summary.json").write_text(json.dumps(summary))


def search(folder, spec, stops=()):
    """Runs what Optuna chooses; the command is stopped before those choices and begun again."""
    trained = 0
    for stop in [*stops, 100]:
        suggestions = suggest(spec, [], folder)
        for trial in suggestions.upcoming():
            if trained == stop:
                break
            finish(trial)
            trained += 1
    lines = (folder / "search.jsonl").read_text().splitlines()
    return [json.loads(line)["at"] for line in lines]


def test_a_search_that_is_continued_chooses_as_one_that_was_not(tmp_path):
    """Twelve points in three commands of four: twelve distinct ones, those of a single command."""
    pytest.importorskip("optuna")
    spec = write_config(tmp_path, RANGES.replace(", 3)", ", 12)"))
    at_once = search(tmp_path / "once", spec)
    in_parts = search(tmp_path / "parts", spec, stops=(4, 8))
    assert in_parts == at_once
    assert len({tuple(row) for row in at_once}) == 12


def test_what_was_chosen_is_kept(tmp_path):
    """Choices are numbers in [0, 1], written down before they are trained."""
    spec = write_config(tmp_path, RANGES)
    first = suggest(spec, [], tmp_path)
    assert (first.left(), len(first.plan().trials)) == (3, 1)  # the config as it is
    first.add([0.5])
    trial = first.trial(0)
    assert trial.config.optim.default.learning_rate == pytest.approx(1e-3)
    again = suggest(spec, [], tmp_path)
    assert again.plan().variants == ["as it is", "00 learning_rate=0.001"]
    assert next(again.upcoming()).workdir == trial.workdir
    write_failure(trial.workdir, "the disk was full")
    assert again.left() == 2


def test_a_point_is_tried_once_and_a_small_space_ends():
    """Two rows may stand for one point: of a choice of two words there are two points."""
    pytest.importorskip("optuna")
    rows = []
    for _ in range(2):
        rows.append(choose_row(["a"], rows, [1.0] * len(rows), True, lambda row: row[0] < 0.5))
    assert {row[0] < 0.5 for row in rows} == {True, False}
    assert choose_row(["a"], rows, [1.0, None], True, lambda row: row[0] < 0.5) is None


def test_it_moves_to_where_values_are_better():
    pytest.importorskip("optuna")
    for less_is_better, better_half in ((True, (0.0, 0.5)), (False, (0.5, 1.0))):
        rows, values = [], []
        for _ in range(30):
            rows.append(choose_row(["a"], rows, values, less_is_better, tuple))
            values.append(rows[-1][0])
        late = sum(better_half[0] <= row[0] <= better_half[1] for row in rows[15:])
        assert late >= 11


def test_named_variants_are_no_ranges(tmp_path):
    with pytest.raises(UserError, match="chooses from ranges"):
        suggest(write_config(tmp_path, VARIANTS), [], tmp_path)


@pytest.mark.parametrize("line", ["[]", '{"at": [0.1, 0.2]}', '{"at": [7]}', '{"at": ["a"]}'])
def test_a_record_of_another_shape(line, tmp_path):
    spec = write_config(tmp_path, RANGES)
    (tmp_path / "search.jsonl").write_text(line + "\n")
    with pytest.raises(UserError, match=r"search\.jsonl, line 1") as caught:
        suggest(spec, [], tmp_path).plan()
    assert len(str(caught.value).splitlines()) == 2
