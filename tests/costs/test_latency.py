"""Latency tables: written, read again, refused where a number cannot be a time."""

import jax.numpy as jnp
import numpy as np
import pytest

from effjax.costs import LatencyTable, fingerprint, measure_ms, read_table, write_table
from effjax.errors import UserError

TIMES = {"band": np.asarray([1.0, 3.0, 2.0]), "both": np.asarray([[1.0, 2.0], [0.5, 4.0]])}


def test_written_and_read_again(tmp_path):
    table = LatencyTable(tmp_path / "folder" / "x.json", 32, TIMES, (40.0, 10.0))
    write_table(table)
    again = read_table(table.path)
    assert (again.batch_size, again.network) == (32, (40.0, 10.0))
    for name, times in TIMES.items():
        np.testing.assert_array_equal(again.times[name], times)


def test_times_never_fall_with_the_size(tmp_path):
    table = LatencyTable(tmp_path, 1, TIMES, (0.0, 0.0))
    np.testing.assert_array_equal(table.of("band", [3]), [1, 3, 3])
    np.testing.assert_array_equal(table.of("band", [2]), [1, 3])
    np.testing.assert_array_equal(table.of("both", [2, 2]), [[1, 2], [1, 4]])


@pytest.mark.parametrize(("operator", "options"), [("other", [1]), ("band", [4]), ("both", [2])])
def test_what_was_not_measured(operator, options):
    table = LatencyTable("t.json", 1, TIMES, (0.0, 0.0))
    with pytest.raises(UserError, match=f"t.json does not hold {operator} up to size"):
        table.of(operator, options)


WRONG = {
    "empty": "",
    "list": "[]",
    "null": "null",
    "other": "{}",
    "brackets": "[" * 10_000,
    "times": '{"times": [], "batch_size": 1, "network_ms": [1, 1]}',
    "ragged": '{"times": {"a": [[1], [1, 2]]}, "batch_size": 1, "network_ms": [1, 1]}',
    "negative": '{"times": {"a": [-1]}, "batch_size": 1, "network_ms": [1, 1]}',
    "nan": '{"times": {"a": [NaN]}, "batch_size": 1, "network_ms": [1, 1]}',
    "network": '{"times": {"a": [1]}, "batch_size": 1, "network_ms": [1]}',
    "missing": None,
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_is_no_table(tmp_path, name):
    path = tmp_path / f"{name}.json"
    if WRONG[name] is not None:
        path.write_text(WRONG[name])
    with pytest.raises(UserError) as caught:
        read_table(path)
    assert len(str(caught.value).splitlines()) == 2


def test_a_table_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write --latency-table"):
        write_table(LatencyTable(tmp_path / "file" / "x.json", 1, {}, (0.0, 0.0)))


def test_a_fingerprint_changes_with_the_times(tmp_path):
    prints = []
    for n, ms in enumerate((1.0, 1.0, 2.0)):
        table = LatencyTable(tmp_path / f"{n}.json", 32, {"band": np.asarray([ms])}, (3.0, 1.0))
        write_table(table)
        prints.append(fingerprint(table.path))
    assert prints[0] == prints[1] != prints[2]


def test_a_measurement_is_a_time():
    assert 0 < measure_ms(lambda x: x + 1, (jnp.ones(8),)) < 1000
