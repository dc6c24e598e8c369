"""The verb that makes networks smaller: flags that a kind of run would not read are refused."""

import json

import pytest

from effjax.cli import main
from effjax.inspect.listing import config_folder

ELASTIC = f"--config={config_folder()}/compress/once_for_all_digits.py"


def refused(capsys, *flags) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["compress", *flags])
    assert ended.value.code == 1
    return capsys.readouterr().err


CUTTING = ("--importance=l1", "--ratios=layer")


@pytest.mark.parametrize("flag", [*CUTTING, "--refit"])
def test_a_sub_network_is_not_cut(capsys, tmp_path, flag):
    (tmp_path / "config.json").write_text(json.dumps({"config": {"task": {"name": "elastic"}}}))
    said = refused(capsys, f"--workdir={tmp_path}", "--budget=macs:0.5x", flag)
    assert f"{flag.partition('=')[0]} says how channels are cut" in said


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--compare"], "needs the sizes of what is cut out"),
        (["--compare", "--budget=macs:0.5x", "--importance=l1"], "says how channels are cut"),
        (["--compare", "--budget=macs:0.5x,half"], "expected UNIT:AMOUNT"),
        (["--compare", "--budget=macs:0.5x", "--seeds=0"], "give 1 or more"),
    ],
)
def test_a_comparison_of_sub_networks(capsys, flags, message):
    assert message in refused(capsys, ELASTIC, *flags)
