"""Parts of a split: disjoint, of all classes, the same every time."""

import numpy as np
import pytest

from effjax.data.config import DataConfig
from effjax.data.sources.open import open_examples
from effjax.data.sources.subset import parse_split, stratified_order
from effjax.errors import UserError

SIZES = (40, 20, 10)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """train/ with three classes of 40, 20 and 10 files, validation/ with one of each."""
    root = tmp_path_factory.mktemp("photos")
    for name, size in zip(("cat", "dog", "eel"), SIZES):
        for split, count in (("train", size), ("validation", 1)):
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                (root / split / name / f"{number}.jpg").write_bytes(b"")
    return root


def keys(folder, split, seed=0):
    found = open_examples(DataConfig(name=str(folder), split_seed=seed), split)
    assert found.class_names == ("cat", "dog", "eel")
    assert len(found.keys()) == len(found) == len(found.labels())
    return list(found.keys()), np.bincount(found.labels(), minlength=3).tolist()


def test_a_tenth_holds_a_tenth_of_each_class(folder):
    names, counts = keys(folder, "train[:10%]")
    assert counts == [4, 2, 1]
    assert (names, counts) == keys(folder, "train[:10%]")
    assert names == sorted(names)  # in the order of the set
    assert names != keys(folder, "train[:10%]", seed=1)[0]
    assert set(names) < set(keys(folder, "train[:20%]")[0])


def test_folds_are_disjoint_and_together_the_whole(folder):
    folds = [set(keys(folder, f"train[{p}%:{p + 20}%]")[0]) for p in range(0, 100, 20)]
    assert [len(fold) for fold in folds] == [14] * 5
    assert set.union(*folds) == set(keys(folder, "train")[0])
    rest, _ = keys(folder, "train[:20%]+train[40%:]")
    assert set(rest) == set.union(*folds) - folds[1]


def test_counts_and_negative_bounds(folder):
    assert sum(keys(folder, "train[:7]")[1]) == 7
    last, _ = keys(folder, "train[-7:]")
    assert set(last) == set(keys(folder, "train")[0]) - set(keys(folder, "train[:63]")[0])


def test_splits_are_joined(folder):
    found = open_examples(DataConfig(name=str(folder)), "train[:10%]+validation")
    assert len(found) == 10
    assert found.labels()[-3:].tolist() == [0, 1, 2]
    assert found.name(9).endswith("validation/eel/0.jpg")


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("train[:10%", r"'train\[:10%' cannot be read\nexpected a name, or a part such as"),
        ("train[:120%]", "cannot be read"),
        ("train[:1.5]", "cannot be read"),
        ("train[:60%]+train[40%:]", "names some examples twice"),
        ("train[70:]", r"holds no examples; its splits have 70"),
        ("tain[:10%]", "split 'tain' is not in"),
    ],
)
def test_what_cannot_be_cut_is_refused(folder, split, message):
    with pytest.raises(UserError, match=message):
        open_examples(DataConfig(name=str(folder)), split)


def test_made_up_images_and_arrays_are_cut_too(tmp_path):
    config = DataConfig(name="synthetic", synthetic_examples=40, synthetic_classes=4, image_size=8)
    part = open_examples(config, "train[:50%]")
    assert np.bincount(part.labels()).tolist() == [5, 5, 5, 5]
    order = stratified_order(part, seed=0)
    assert sorted(order.tolist()) == list(range(20))


def test_terms():
    first, second = parse_split("train[:20%] + val")
    assert (first.name, first.start, first.stop) == ("train", "", "20%")
    assert second.is_whole
