"""Rows that cannot be read, the identity of a data set, and classes of a network."""

import numpy as np
import pytest
from PIL import Image

from effjax.data import DataConfig, open_split
from effjax.data.sources.examples import BadExample, identity, read_example, reason
from effjax.data.sources.open import open_examples
from effjax.data.sources.synthetic import Synthetic
from effjax.errors import UserError


def folder(path, classes, count=4, shift=0):
    for number, name in enumerate(classes):
        (path / name).mkdir(parents=True)
        for k in range(count):
            value = 50 * number + k + shift
            Image.new("RGB", (4, 4), (value, 0, 0)).save(path / name / f"{k}.png")
    return DataConfig(name=str(path), image_size=4)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError(2, "No such file or directory", "x.jpg"), "No such file or directory"),
        (RuntimeError("File is encrypted\n"), r"RuntimeError: File is encrypted\\n"),
        (UserError("label 7, expected 0 to 3"), "label 7, expected 0 to 3"),
    ],
)
def test_whatever_a_row_raises_is_one_line(error, said):
    class Raising:
        def __getitem__(self, row):
            raise error

    with pytest.raises(BadExample, match=said):
        read_example(Raising(), 0)
    assert "\n" not in reason(error)


def test_identity_is_that_of_the_content(tmp_path):
    first = identity(open_examples(folder(tmp_path / "a", "xy"), "all"))
    assert first["examples"] == 8
    assert first["classes"] == ["x", "y"]
    assert identity(open_examples(folder(tmp_path / "moved", "xy"), "all")) == first
    others = [
        folder(tmp_path / "changed", "xy", shift=1),
        folder(tmp_path / "more", "xy", count=5),
        folder(tmp_path / "permuted", "yx"),
    ]
    prints = {identity(open_examples(other, "all"))["fingerprint"] for other in others}
    assert len(prints | {first["fingerprint"]}) == 4
    synthetic = [Synthetic((4, 4), 2, 8, split) for split in ("train", "train", "val")]
    same, again, other = (identity(source)["fingerprint"] for source in synthetic)
    assert same == again != other


def test_labels_are_those_of_the_network(tmp_path):
    config = folder(tmp_path / "a", ("banana", "elder", "apple"))
    ours = ("apple", "banana", "cherry")
    how = {"seed": 0, "batch_size": 4, "train": False}
    with pytest.raises(UserError, match=r"does not know: elder\n.*--ignore-unknown"):
        open_split(config, "all", **how, class_names=ours)
    split = open_split(config, "all", **how, class_names=ours, ignore_unknown=True)
    assert (split.class_names, split.num_examples) == (ours, 8)
    assert (split.match.missing, split.match.unknown) == (("cherry",), ("elder",))
    with split.batches() as batches:
        found = list(batches)
    labels = np.concatenate([batch["label"] for batch in found])
    pixels = np.concatenate([batch["image"][:, 0, 0, 0] for batch in found])
    # the folder was made in the order banana, elder, apple
    assert {(int(p) // 50, int(k)) for p, k in zip(pixels, labels)} == {(0, 1), (2, 0)}


def test_a_split_without_examples_is_refused(tmp_path):
    config = folder(tmp_path / "a", "xy", count=1)
    with pytest.raises(UserError, match=r"split 'validation' of .* has no examples"):
        open_split(config, "validation", seed=0, batch_size=4, train=False)
