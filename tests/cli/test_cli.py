"""Help and examples of every verb."""

import re
import shlex
import subprocess
import sys

import pytest

from effjax import cli


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
