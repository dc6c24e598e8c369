"""Names of prepared data, and who prepares them."""

import subprocess
import sys

import pytest

from effjax.data.sources.catalog import prepared_directory
from effjax.data.sources.records import Records
from effjax.errors import UserError


def test_two_processes_prepare_at_once(tmp_path):
    code = (
        "import sys; from effjax.data.sources.catalog import prepared_directory\n"
        "print(prepared_directory('digits', sys.argv[1]))\n"
        "assert not {'tensorflow', 'torch', 'flax.nnx'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = {process.communicate(timeout=120)[0] for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert len(printed) == 1
    assert len(Records(printed.pop().strip(), "train")) == 1437


def test_unknown_names_are_told_apart(digits_dir, tmp_path):
    with pytest.raises(UserError, match="did you mean 'digits'") as caught:
        prepared_directory("digit", digits_dir)
    assert len(str(caught.value).splitlines()) == 2
    with pytest.raises(UserError, match="no data 'cars'"):
        prepared_directory("cars", str(tmp_path / "missing"))
    with pytest.raises(UserError, match="did you mean 'train'"):
        Records(prepared_directory("digits", digits_dir), "trian")
    with pytest.raises(UserError, match="effjax data prepare cifar10 --manual-dir"):
        prepared_directory("cifar10", digits_dir)
