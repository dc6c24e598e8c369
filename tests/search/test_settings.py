"""The search of a config file, with what the command line says."""

import pytest

from effjax.costs import Budget
from effjax.errors import UserError
from effjax.inspect.listing import config_folder
from effjax.search.settings import read_search

CONFIG = f"{config_folder()}/search/evolution_digits.py"


def test_flags_replace_what_the_file_says():
    wanted = read_search(f"{CONFIG}:quick", strategy="random", budget="macs:0.9x", evaluations=5)
    assert wanted.strategy == "random"
    assert wanted.options == {}  # those of another strategy
    assert wanted.budgets == (Budget("macs", "0.9x"),)
    assert wanted.evaluations == 5
    wanted = read_search(CONFIG, options=["population=3"])
    assert wanted.options["population"] == 3


def test_refused(tmp_path):
    with pytest.raises(UserError, match="unknown strategy"):
        read_search(CONFIG, strategy="evolutoin")
    with pytest.raises(UserError, match="has no option 'populaton'"):
        read_search(CONFIG, options=["populaton=3"])
    with pytest.raises(UserError, match="--evaluations=0"):
        read_search(CONFIG, evaluations=0)
    with pytest.raises(UserError, match="expected OPTION=VALUE"):
        read_search(CONFIG, options=["population"])
    other = tmp_path / "other.py"
    other.write_text("def get_config():\n    pass\ndef search(arg=None):\n    return 3\n")
    with pytest.raises(UserError, match=r"search\(\) returned a int"):
        read_search(str(other))
    other.write_text("def get_config():\n    pass\n")
    with pytest.raises(UserError, match="has no function search"):
        read_search(str(other))
