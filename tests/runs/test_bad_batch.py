"""The examples of an update that was not finite are named."""

import json
import math

from effjax.runs.bad_batch import write_bad_batch


class Known:
    def rows(self, step):
        return [{"index": 0, "row": 10 * step, "name": "cat/1.png"}]


def test_update_8_takes_batch_7(tmp_path):
    path = write_bad_batch(tmp_path, 8, Known(), {"train/loss": math.nan})
    record = json.loads(path.read_text())
    assert record == {
        "update": 8,
        "batch": 7,
        "train/loss": "nan",
        "examples": [{"index": 0, "row": 70, "name": "cat/1.png"}],
    }
    path = write_bad_batch(tmp_path, 8, object(), {})
    assert "examples" not in json.loads(path.read_text())
