import numpy as np
import pytest

from effjax.errors import UserError
from effjax.report import choose_display
from effjax.sample.run import Wanted, chosen_classes, each_checkpoint, sample

NAMES = ("cat", "dog", "7")
QUIET = choose_display(quiet=True)


def test_classes_by_name_and_number():
    assert chosen_classes(None, NAMES, 3) == [0, 1, 2]
    assert chosen_classes("dog, 0", NAMES, 3) == [1, 0]
    # a name wins over a number
    assert chosen_classes("7", NAMES, 3) == [2]
    assert chosen_classes("none", NAMES, 3) == [3]
    assert chosen_classes(None, (), 0) == [0]
    with pytest.raises(UserError, match="no class 'doge'"):
        chosen_classes("doge", NAMES, 3)


def test_samples_are_written_where_they_are_wanted(trained_run, tmp_path):
    workdir, _ = trained_run
    out = (tmp_path / "a.png", tmp_path / "a.npz")
    wanted = Wanted(classes="3", count=2, steps=1, batch=2, out=out)
    images = sample(workdir, QUIET, wanted)
    assert (np.load(out[1])["arr_0"] == images).all()
    assert np.load(out[1])["arr_1"].tolist() == [3, 3]
    assert out[0].exists()


@pytest.mark.slow
def test_samples_over_training(trained_run, tmp_path):
    wanted = Wanted(classes="3", count=1, steps=1, batch=2, out=(tmp_path / "rows.png",))
    assert each_checkpoint(trained_run[0], QUIET, wanted).exists()


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"count": 0}, "--count=0"),
        ({"steps": 0}, "--steps=0"),
        ({"eta": 2.0}, "--eta=2"),
        ({"sampler": "ddim"}, "drawn by euler or heun"),
        ({"classes": "11"}, "no class '11'"),
    ],
)
def test_flags_out_of_range_are_refused(trained_run, wanted, message):
    with pytest.raises(UserError, match=message):
        sample(trained_run[0], QUIET, Wanted(**wanted))
