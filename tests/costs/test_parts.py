"""Latency from parts: equal parts are measured once, and a table is kept."""

import json

import pytest

from effjax import models
from effjax.costs.parts import PartsTable, measure_part, parts_of
from effjax.errors import UserError

# fields that have an entry for each stage
OF_TWO = {"layer_scale": (None,) * 2, "residual_scale": (None,) * 2, "remat": (False,) * 2}


@pytest.fixture(scope="module")
def model():
    return models.create_model("vit_tiny_patch16_224", 4, width=8, heads=2, depth=2, patch_size=4)


def test_equal_parts_have_one_key(model):
    parts = parts_of(model, (8, 8, 3), 2)
    assert [part.what.split()[0] for part in parts] == [
        "PatchEmbedding", "Block", "Block", "LayerNorm", "Linear",
    ]  # fmt: skip
    assert parts[1].key == parts[2].key
    assert len({part.key for part in parts}) == 4


def test_blocks_say_their_mixer():
    sizes = {"depths": (1, 1), "dims": (8, 8), "mixers": ("pooling", "attention(head_dim=8)")}
    stages = {"patch_strides": (4, 2), "patch_kernels": (4, 2), "patch_pads": (0, 0)}
    network = models.create_model(
        "convformer_s18", 4, kernel_sizes=(3, 3), **OF_TWO, **sizes, **stages
    )
    what = [part.what for part in parts_of(network, (8, 8, 3), 2)]
    assert "Block(pooling, 3) on 2x2x2x8" in what
    assert "Block(attention(head_dim=8), 3) on 2x1x1x8" in what


def test_a_table(model, tmp_path):
    path = tmp_path / "latency.json"
    measured = []

    def measure(part):
        measured.append(part.key)
        return float(len(measured))

    table = PartsTable(path, 2, measure)
    assert table.latency(model, (8, 8, 3)) == 1 + 2 + 2 + 3 + 4
    again = PartsTable(path, 2, measure)
    assert again.latency(model, (8, 8, 3)) == 12
    assert len(measured) == 4
    with pytest.raises(UserError, match="batches of 2"):
        PartsTable(path, 3)
    data = json.loads(path.read_text())
    data["parts"][measured[0]]["ms"] = -1
    path.write_text(json.dumps(data))
    with pytest.raises(UserError, match="is no time"):
        PartsTable(path, 2)
    path.write_text("[]")
    with pytest.raises(UserError, match="is no table of latencies"):
        PartsTable(path, 2)


def test_a_part_can_be_measured(model):
    assert measure_part(parts_of(model, (8, 8, 3), 2)[-1]) > 0
