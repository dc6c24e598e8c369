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


def test_a_closed_pipe_ends_quietly():
    """As `effjax models | head -0`: what is written while it runs, and what is left at the end."""
    words = [sys.executable, "-m", "effjax", "models"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, **pipes) as running:
        running.stdout.close()
        assert running.stderr.read() == ""
        assert running.wait() == 0
