"""The verb that searches: flags that a search would not read are refused."""

import pytest

from effjax.cli import main
from effjax.inspect.listing import config_folder

FOLDER = config_folder() / "search"


def refused(capsys, *flags) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["search", *flags])
    assert ended.value.code == 1
    return capsys.readouterr().err


def test_strategies_are_listed(capsys):
    main(["search", "--strategies"])
    out = capsys.readouterr().out
    assert "evolution" in out
    assert "hyperband" in out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--config is missing"),
        (["kernel_size_digits", "--strategy=random"], "learns kernel sizes"),
        (["evolution_digits", "--extend"], "more --evaluations"),
        (["evolution_digits", "--strategy=evolve"], "did you mean 'evolution'"),
        (["evolution_digits", "--budget=mac:0.5x"], "unknown unit of cost 'mac'"),
        (["evolution_digits", "--budget=macs:half"], "no positive amount"),
        (["evolution_digits", "--runner=slurm"], "expected one of here, local, ray"),
        (["evolution_digits", "--set=populaton=4"], "did you mean 'population'"),
    ],
)
def test_refused(capsys, flags, message):
    if flags:
        flags = [f"--config={FOLDER}/{flags[0]}.py", *flags[1:]]
    assert message in refused(capsys, *flags)
