"""Every recorded case of noise, curvature, slices, exit times, stability and SAM."""

import copy
import json
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pytest

from tests.parity.theory_cases import Case, compute

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


def other_spec():
    """The recording's questions with another seed and other sizes."""
    spec = copy.deepcopy({name: part for name, part in SPEC.items() if name != "results"})
    spec["seed"] = 11
    cases = spec["cases"]
    shapes = [[5, 7], [5], [4, 5], [4]]
    cases["curvature"]["weights"] = [
        [name, shape] for (name, _), shape in zip(cases["curvature"]["weights"], shapes)
    ]
    cases["curvature"].update(sizes=[7, 5, 4, 14], draws={"x": [[14, 7], 1]}, trace_samples=6)
    cases["slice"]["grid"] = [-0.5, 0.0, 1.5]
    draws = {"x": [[96, 3], 1], "y": [[96], 1], "w": [[3], 1]}
    cases["noise_scale"].update(n=96, d=3, small=6, draws=draws)
    cases["escape"]["eps"] = [0.05, 0.2]
    cases["quadratic"]["grids"]["lookahead"] = {
        "lambda": [0.3],
        "eta": [0.5, 0.7],
        "alpha": [0.4],
        "k": [3],
    }
    draws = {"x": [[9, 2], 1], "y": [[9], 1], "x_new": [[2], 1], "y_new": [[1], 1]}
    cases["stability"].update(n=9, d=2, steps=7, reg=0.2, draws=draws)
    cases["tail"].update(n=2500)
    return spec


def test_another_seed_and_other_sizes():
    """Nothing is that of the recording: oracles that need no reference."""
    spec = other_spec()
    labels = np.arange(14) % 4
    inputs = INPUTS | {"curvature/labels": labels}
    inputs |= {"tail/stable1.5/block_sizes": np.array([20, 50])}
    keys = [key for system in SPEC["cases"] for key in asked(system)]
    few = ("tail/stable1.5/alpha", "tail/stable1.5/mean_log_abs")
    keys = [key for key in keys if not key.startswith("tail") or key in few]
    found = {key: np.asarray(value) for key, value in compute(spec, inputs, keys)}
    assert found.keys() == set(keys)

    draw = Case(spec, "stability", inputs).drawn
    x, y = draw("x"), draw("y")
    for left_out, residual in enumerate(found["stability/leave_one_out"]):
        kept = np.delete(np.arange(9), left_out)
        gram = x[kept].T @ x[kept] + 9 * 0.2 * np.eye(2)
        w = np.linalg.solve(gram, x[kept].T @ y[kept])
        assert residual == pytest.approx(y[left_out] - x[left_out] @ w)
    assert found["stability/gd"].shape == (7,)

    draw = Case(spec, "noise_scale", inputs).drawn
    x = draw("x")
    gradients = (x @ draw("w") - draw("y"))[:, None] * x
    noise = gradients.var(0, ddof=1).sum()
    assert found["noise_scale/exact"][0] == pytest.approx(noise)
    assert found["noise_scale/within"].shape == (16,)

    matrix = found["curvature/hessian"]
    assert matrix.shape == (5 * 7 + 5 + 4 * 5 + 4,) * 2
    signs = np.linalg.eigvalsh(matrix)
    np.testing.assert_allclose(found["curvature/eigenvalues"], signs, atol=1e-9)
    largest = sorted(signs, key=abs, reverse=True)[:3]
    np.testing.assert_allclose(found["curvature/power_tight"], largest, rtol=1e-5)
    np.testing.assert_allclose(found["curvature/slq_weights"].sum(1), 1.0)
    assert found["slice/filter/loss"].shape == (3, 3)
    assert found["slice/filter/loss"][1, 1] != found["slice/filter/loss"][0, 0]
    # V of SGD, and what Lookahead makes of it
    rate = 0.3 * 0.5
    assert found["quadratic/lookahead"][0, 5] == pytest.approx(rate / (2 - rate))
    assert found["escape/double_well"].shape == (3, 2)
    assert found["tail/stable1.5/alpha"] == pytest.approx(1.5, abs=0.4)
