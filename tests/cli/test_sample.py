import argparse

import numpy as np
import pytest

from effjax.cli import main, parse
from effjax.cli.sample import interval


def test_an_interval_is_two_numbers_in_order():
    assert interval("0.1,0.8") == (0.1, 0.8)
    for text in ("3", "2,1", "a,b"):
        with pytest.raises(argparse.ArgumentTypeError):
            interval(text)


def test_flags_of_the_sampler_need_a_run(capsys):
    for words in (["sample"], ["sample", "--steps=3"], ["sample", "--features=x", "--classes=1"]):
        with pytest.raises(SystemExit):
            main(words)
    assert "--workdir" in capsys.readouterr().err


def test_features_need_no_run(tmp_path, capsys):
    np.savez(tmp_path / "f.npz", samples=np.eye(4), real=np.eye(4)[::-1])
    main(["sample", f"--features={tmp_path / 'f.npz'}"])
    assert "FID if the features" in capsys.readouterr().out


def test_several_files():
    args = parse(["sample", "--workdir=x", "--out=a.png", "--out=b.npz"])
    assert [path.name for path in args.out] == ["a.png", "b.npz"]
