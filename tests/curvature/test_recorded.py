"""Every recorded case of noise, curvature, slices, exit times, stability and SAM."""

import json
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pytest

from tests.parity.theory_cases import compute

FOLDER = Path(__file__).parents[1] / "parity"
SPEC = json.loads((FOLDER / "theory.json").read_text())
RECORDED = dict(np.load(FOLDER / "theory.npz"))
INPUTS = {
    key: value
    for key, value in RECORDED.items()
    if any(fnmatchcase(key, pattern) for pattern in SPEC["inputs"])
}


def tolerance(key):
    """The last pattern that matches counts."""
    return [t for pattern, t in SPEC["tolerance"].items() if fnmatchcase(key, pattern)][-1]


def asked(system):
    keys = RECORDED.keys() - INPUTS.keys()
    return [k for k in keys if k.split("/")[0] == system and tolerance(k) != "skip"]


@pytest.mark.parametrize("system", SPEC["cases"])
def test_recorded(system):
    keys = asked(system)
    if system == "tail":  # a hundred samples of each index: seconds, in `test_spreads`
        keys = [key for key in keys if not key.endswith("spread")]
    compare(dict(compute(SPEC, INPUTS, keys)), keys)


@pytest.mark.slow
def test_spreads():
    keys = [key for key in asked("tail") if key.endswith("spread")]
    compare(dict(compute(SPEC, INPUTS, keys)), keys)


def compare(found, keys):
    assert found.keys() == set(keys)
    for key, value in found.items():
        expected = RECORDED[key]
        largest = np.abs(expected).max() or 1.0
        got = np.asarray(value, float).reshape(expected.shape)
        atol = tolerance(key) * largest
        np.testing.assert_allclose(got, expected, rtol=0, atol=atol, err_msg=key)


def test_unknown_keys_yield_nothing():
    assert not dict(compute(SPEC, INPUTS, ["other/x", "sam/other"]))
