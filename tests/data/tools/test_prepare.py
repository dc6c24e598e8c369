"""Any source -> ArrayRecord: the same examples in the same order."""

import io

import numpy as np
import pytest
from PIL import Image

from effjax.data import DataConfig, open_split
from effjax.data.images.decode import decode
from effjax.data.sources.open import open_splits
from effjax.data.tools.prepare import prepare
from effjax.errors import UserError


def photo(value, size=(40, 30), kind="JPEG"):
    file = io.BytesIO()
    Image.new("RGB", size, (value, 100, 50)).save(file, format=kind)
    return file.getvalue()


@pytest.fixture
def folder(photo_folder):
    return photo_folder


def test_bytes_are_copied_in_order(folder, tmp_path):
    out = str(tmp_path / "out")
    assert prepare(str(folder), out) == {"train": 6, "validation": 6}
    for split, source in open_splits(str(folder)).items():
        stored = open_splits(out)[split]
        assert stored.class_names == ("cat", "dog")
        assert [stored[i] for i in range(6)] == [source[i] for i in range(6)]
    config = DataConfig(name=out, image_size=16)
    split = open_split(config, "validation", seed=0, batch_size=4, train=False)
    with split.batches() as batches:
        labels = np.concatenate([batch["label"] for batch in batches])
    np.testing.assert_array_equal(labels, [0, 0, 0, 1, 1, 1, 0, 0])


def test_a_second_time_does_nothing(folder, tmp_path):
    out = tmp_path / "out"
    first = prepare(str(folder), str(out))
    written = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert prepare(str(folder), str(out)) == first
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == written


def test_short_side(folder, tmp_path):
    (folder / "train" / "cat" / "0.jpg").write_bytes(photo(0, (20, 10)))
    prepare(str(folder), str(tmp_path / "out"), short_side=15)
    stored = open_splits(str(tmp_path / "out"))["train"]
    assert decode(stored[0][0]).shape == (10, 20, 3)  # small enough: untouched
    assert decode(stored[1][0]).shape == (15, 20, 3)
    assert abs(decode(stored[1][0]).mean((0, 1)) - (10, 100, 50)).max() < 2


def test_undivided_arrays(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (20, 6, 6, 3), dtype=np.uint8)
    np.savez(tmp_path / "set.npz", images=images, labels=np.arange(20) % 2)
    found = prepare(str(tmp_path / "set.npz"), str(tmp_path / "out"), val_share=0.2)
    assert found == {"train": 16, "validation": 4}
    stored = open_splits(str(tmp_path / "out"))
    pixels = [decode(source[i][0]) for source in stored.values() for i in range(len(source))]
    assert {p.tobytes() for p in pixels} == {p.tobytes() for p in images}


def test_broken_files(folder, tmp_path):
    (folder / "train" / "dog" / "1.jpg").write_bytes(photo(1)[:300])
    with pytest.raises(UserError, match=r"dog/1\.jpg cannot be decoded"):
        prepare(str(folder), str(tmp_path / "out"), short_side=15)
    counts = prepare(str(folder), str(tmp_path / "out"), short_side=15, skip_broken=True)
    assert counts == {"train": 5, "validation": 6}


def test_the_journal_is_gone_in_the_end(folder, tmp_path):
    prepare(str(folder), str(tmp_path / "out"), short_side=15)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "photos"]


def test_other_images_or_options_are_noticed(folder, tmp_path):
    out = str(tmp_path / "out")
    prepare(str(folder), out, short_side=15)
    with pytest.raises(UserError, match=r"other options \(short_side: 15 -> 20\)\n.*--force"):
        prepare(str(folder), out, short_side=20)
    (folder / "train" / "cat" / "0.jpg").write_bytes(photo(200))
    with pytest.raises(UserError, match=r"prepared from other images\n.*--force"):
        prepare(str(folder), out, short_side=15)
    assert prepare(str(folder), out, short_side=15, force=True) == {"train": 6, "validation": 6}
    stored = open_splits(out)["train"]
    assert abs(decode(stored[0][0]).mean((0, 1)) - (200, 100, 50)).max() < 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "photos"]


def test_prepared_data_that_do_not_say_their_source_are_not_taken_for_it(folder, tmp_path):
    prepare(str(folder), str(tmp_path / "out"))
    (tmp_path / "out/1.0.0/source.json").unlink()
    with pytest.raises(UserError, match="does not say what it was made from"):
        prepare(str(folder), str(tmp_path / "out"))


@pytest.mark.parametrize(
    "error",
    [OSError(28, "No space left on device"), ValueError("write: No space left on device [28]")],
)
def test_a_full_disk_leaves_nothing_half_made(folder, tmp_path, monkeypatch, error):
    from effjax.data.tools import prepare as module

    prepare(str(folder), str(tmp_path / "old"), short_side=15)

    def write(builder, manual_dir=None, write_all=module.write):
        (tmp_path / builder.name / "incomplete.X_1.0.0").mkdir(parents=True)
        raise error

    monkeypatch.setattr(module, "write", write)
    for name, options in (("new", {}), ("old", {"force": True})):
        with pytest.raises(UserError, match=f"cannot write .*{name}: No space left on device"):
            prepare(str(folder), str(tmp_path / name), short_side=16, **options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old", "photos"]
    assert len(open_splits(str(tmp_path / "old"))["train"]) == 6


@pytest.mark.parametrize(
    ("options", "said"),
    [({"short_side": 0}, "--short-side=0: expected int"), ({"val_share": 1.5}, "--val-share=1.5")],
)
def test_options_have_ranges(folder, tmp_path, options, said):
    with pytest.raises(UserError, match=said):
        prepare(str(folder), str(tmp_path / "out"), **options)
