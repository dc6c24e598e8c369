"""Labels of a data set meet those of a network by name."""

import numpy as np
import pytest

from effjax.data.class_names import (
    imagenet_names,
    imagenet_synsets,
    match_classes,
    name_some,
    require_known,
)
from effjax.errors import UserError

FOUR = ("apple", "banana", "cherry", "damson")


@pytest.mark.parametrize(
    ("theirs", "mapping", "missing", "unknown"),
    [
        (FOUR, [0, 1, 2, 3], (), ()),
        (FOUR[1:], [1, 2, 3], ("apple",), ()),
        (("banana", "cherry", "damson", "elder"), [1, 2, 3, -1], ("apple",), ("elder",)),
        (("banana", "zz_apple"), [1, -1], ("apple", "cherry", "damson"), ("zz_apple",)),
        (("Banana ", "CHERRY"), [1, 2], ("apple", "damson"), ()),
    ],
)
def test_names(theirs, mapping, missing, unknown):
    match = match_classes(theirs, FOUR)
    assert match.by == "name"
    assert match.mapping.tolist() == mapping
    assert (match.missing, match.unknown) == (missing, unknown)


def test_spelling_that_does_not_count():
    assert match_classes(
        ["golf-ball", "cafe\u0301"], ["caf\u00e9", "Golf ball"]
    ).mapping.tolist() == [1, 0]
    # two of ours that differ in capitals only are told apart
    match = match_classes(["cat", "Cat", "CAT"], ["Cat", "cat"])
    assert match.mapping.tolist() == [1, 0, -1]


def test_numbers():
    ours = [f"class {k}" for k in range(12)]
    theirs = sorted(map(str, range(12)))  # "0", "1", "10", "11", "2", ...
    assert match_classes(theirs, ours).mapping.tolist() == [0, 1, 10, 11, *range(2, 10)]
    assert match_classes(["007"], ours).mapping.tolist() == [7]
    assert match_classes(["12"], ours).unknown == ("12",)
    # arrays have no names, the network has
    assert match_classes(["0", "1"], FOUR).mapping.tolist() == [0, 1]
    assert match_classes(["4"], FOUR).unknown == ("4",)
    # one name is known, so that numbers are names too
    assert match_classes(["0", "1"], ["zero", "0"]).unknown == ("1",)


def test_imagenet():
    synsets = imagenet_synsets()
    assert (len(synsets), synsets[0], synsets[574]) == (1000, "n01440764", "n03445777")
    unnamed = [f"class {k}" for k in range(1000)]
    match = match_classes(["n03445777", "n01440764"], unnamed)
    assert (match.by, match.mapping.tolist()) == ("imagenet", [574, 0])
    assert match_classes(["n99999999"], unnamed).unknown == ("n99999999",)
    assert match_classes(["n03445777"], synsets).mapping.tolist() == [574]
    np.testing.assert_array_equal(match_classes(synsets, unnamed).mapping, np.arange(1000))


def test_imagenet_in_english():
    names = imagenet_names()
    assert (len(names), names[0], names[574]) == (1000, "tench, Tinca tinca", "golf ball")
    unnamed = [f"class {k}" for k in range(1000)]
    # as Imagenette's folders are called
    theirs = ["chain_saw", "English springer", "gas_pump", "partridge", "cardigan", "elder"]
    match = match_classes(theirs, unnamed)
    assert match.mapping.tolist() == [491, 217, 571, 86, 474, -1]
    # two classes have this name first: it decides nothing
    assert match_classes(["tench", "Cardigan"], unnamed).unknown == ("Cardigan",)
    every = np.arange(1000)
    np.testing.assert_array_equal(match_classes(names, unnamed).mapping, every)
    np.testing.assert_array_equal(match_classes(imagenet_synsets(), names).mapping, every)
    np.testing.assert_array_equal(match_classes(names, imagenet_synsets()).mapping, every)
    # one of them is called the same in both, the others are not
    assert match_classes(["stingray", "goldfish"], names).mapping.tolist() == [6, 1]


def test_order_is_used_only_for_classes_without_names():
    match = match_classes(["cat", "dog"], ["class 0", "class 1"])
    assert (match.by, match.mapping.tolist()) == ("order", [0, 1])
    assert match_classes(["cat", "dog"], ["emu", "fox"]).unknown == ("cat", "dog")
    assert match_classes(["cat"], ["class 0", "class 1"]).unknown == ("cat",)


def test_unknown_classes_are_named_and_escaped():
    match = match_classes(["apple", "\x1b[31melder\n"], FOUR)
    with pytest.raises(UserError, match=r"does not know: \\x1b\[31melder\\n\n.*--ignore-unknown"):
        require_known(match, "test_other", "runs/colors")
    require_known(match_classes(FOUR[1:], FOUR), "test_noapple", "runs/colors")
    assert name_some([str(k) for k in range(9)]) == "0, 1, 2, 3, 4, 5 and 3 more"
