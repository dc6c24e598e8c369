"""Completion scripts: a shell can read them, and offers what the verbs declare."""

import shlex
import shutil
import subprocess

import pytest

from effjax import cli
from effjax.cli.completion import SHELLS, script


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
    assert complete("effjax train --con", tmp_path) == ["--config=", "--continue-from="]
    assert complete("effjax train --config=qui", tmp_path) == ["quickstart.py"]
    assert complete("effjax data ch", tmp_path) == ["check"]
    assert complete("effjax predict qui", tmp_path) == ["quickstart.py"]
    assert set(complete("effjax ", tmp_path)) == {*cli.VERBS, "--help", "--version"}
