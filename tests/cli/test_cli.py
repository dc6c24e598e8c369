"""Help, examples and completion of every verb."""

import re
import shlex
import shutil
import subprocess
import sys

import pytest

from effjax import cli
from effjax.cli.completion import SHELLS, script
from effjax.errors import UserError


@pytest.mark.parametrize("name", cli.VERBS)
def test_every_verb_has_examples_that_can_be_parsed(name):
    verb = cli.VERBS[name]
    assert verb.run.__doc__
    assert verb.examples
    for example in verb.examples:
        command = re.split(r" [>|#] |\)\"", example)[0].removeprefix('eval "$(')
        words = shlex.split(command)
        assert words[0] == "effjax"
        assert cli.parse(words[1:]).verb == name


def test_help_shows_the_examples(capsys):
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    told = capsys.readouterr().out
    assert all(example in told for example in cli.VERBS["train"].examples)


@pytest.mark.parametrize("module", ["effjax", "effjax.cli"])
def test_it_runs_as_a_module(module):
    done = subprocess.run(
        [sys.executable, "-m", module, "--version"], capture_output=True, text=True
    )
    assert done.stdout.startswith("effjax 0")


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_scripts_can_be_read_and_name_all_verbs(shell, tmp_path):
    text = script(shell)
    assert all(name in text for name in cli.VERBS)
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not here to read it")
    (tmp_path / "script").write_text(text)
    done = subprocess.run([shell, "-n", tmp_path / "script"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def complete(line: str, folder) -> list[str]:
    """What bash offers behind a line."""
    words = line.split(" ")
    play = f"""{script("bash")}
COMP_LINE={shlex.quote(line)} COMP_POINT={len(line)} COMP_CWORD={len(words) - 1}
COMP_WORDS=({" ".join(map(shlex.quote, words))})
_effjax; printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "-c", play], capture_output=True, text=True, cwd=folder)
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not here")
def test_bash_completes_verbs_flags_and_files(tmp_path):
    (tmp_path / "quickstart.py").touch()
    assert complete("effjax tr", tmp_path) == ["train"]
    assert complete("effjax train --con", tmp_path) == ["--config="]
    assert complete("effjax train --config=qui", tmp_path) == ["quickstart.py"]
    assert complete("effjax data ch", tmp_path) == ["check"]
    assert complete("effjax predict qui", tmp_path) == ["quickstart.py"]
    assert set(complete("effjax ", tmp_path)) == {*cli.VERBS, "--help", "--version"}


def test_a_checkpoint_is_a_step_or_the_best():
    evaluate = ["evaluate", "--workdir=D"]
    assert cli.parse([*evaluate, "--step=12"]).step == 12
    assert cli.parse([*evaluate, "--step=best"]).step == "best"
    with pytest.raises(UserError, match="expected the step of a checkpoint or best"):
        cli.parse([*evaluate, "--step=-3"])
