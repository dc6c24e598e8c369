"""Bad arguments are refused before anything is asked for, and no value is ever a command."""

import json
import os
from pathlib import Path

import pytest

TRAIN = ("effjax", "train", "--config=configs/quickstart.py")
HOSTILE = (
    "gs://bucket/a; touch PWNED",
    "gs://bucket/$(touch PWNED)",
    "gs://bucket/`touch PWNED`",
    "gs://bucket/a' ; touch PWNED ; '",
    'gs://bucket/a" && touch PWNED && "',
    "gs://bucket/a\ntouch PWNED",
    "gs://bucket/a | tee PWNED",
    "gs://bucket/*?~ ${HOME} \\ #",
)


@pytest.mark.parametrize(
    ("flags", "command", "answer"),
    [
        (["--name=a;b", "--type=v6e-8"], TRAIN, "--name='a;b' cannot be"),
        (["--name=-rf", "--type=v6e-8"], TRAIN, "--name='-rf' cannot be"),
        (["--name=a\nb", "--type=v6e-8"], TRAIN, "cannot be"),
        (["--zone=us-east5-b --force", "--type=v6e-8"], TRAIN, "cannot be"),
        (["--project=$(id)", "--type=v6e-8"], TRAIN, "--project="),
        (["--runtime=x y", "--type=v6e-8"], TRAIN, "--runtime="),
        (["--type=v6e-9"], TRAIN, "is no size of v6e"),
        (["--type=v66-8"], TRAIN, "is not known"),
        (["--type=tpu7x-8"], TRAIN, "docs/launch.md"),
        ([], TRAIN, "wants --type"),
        (["--type=v6e-8"], (), "wants a command"),
        (["--type=v6e-8"], TRAIN, "the workdir is not given"),
        (["--type=v6e-8"], (*TRAIN, "--workdir=runs/a"), "goes with the VM"),
        (["--type=v6e-8", "--env=NOT_SET_ANYWHERE"], (*TRAIN, "--workdir=gs://b/a"), "not set"),
        (["--type=v6e-8", "--env=a b=1"], (*TRAIN, "--workdir=gs://b/a"), "--env wants"),
        (["--type=v6e-8", "--extras=tpu;id"], (*TRAIN, "--workdir=gs://b/a"), "--extras="),
        (["--type=v6e-8", "--max-restarts=-1"], (*TRAIN, "--workdir=gs://b/a"), "0 or more"),
    ],
)
def test_refused_before_anything_is_created(launcher, flags, command, answer):
    status, out, said = launcher("run", *flags, command=command)
    assert status == 1
    assert answer in said
    assert "Traceback" not in said
    assert not out
    assert not launcher.cloud.calls()


def test_flags_that_do_not_exist_are_refused(launcher):
    assert launcher("down", "--forse")[0] == 2
    assert launcher("down", "--dry")[0] == 2  # nothing is guessed from a beginning
    assert not launcher.cloud.calls()


def test_hostile_values_reach_the_program_as_they_are(launcher, environment_ready, tmp_path):
    """A program that writes its arguments down, on workers that are shells of this machine."""
    seen = tmp_path / "seen.json"
    program = "import json, sys, os\nwith open(sys.argv[1], 'w') as f:\n"
    program += "    json.dump([sys.argv[1:], os.environ['TOKEN']], f)"
    launcher.cloud.plan(workers=1)
    environment_ready(launcher)
    command = ("python3", "-c", program, str(seen), *HOSTILE)
    token = "t0p'; touch PWNED; '$(id)"
    os_environment = launcher.environment | {"TOKEN": token}
    launcher.environment = os_environment
    status, out, said = launcher("run", "--type=v6e-1", "--env=TOKEN", command=command)
    assert status == 0, said
    arguments, told = json.loads(seen.read_text())
    assert arguments[1:] == list(HOSTILE)
    assert told == token
    assert not list(tmp_path.rglob("PWNED"))
    assert not Path("PWNED").exists()
    calls = "\n".join(launcher.cloud.calls())
    assert token not in out + said + calls  # the value travels in a file
    assert "t0p" not in out + said + calls


def test_a_secret_is_readable_by_its_owner_only(launcher, environment_ready):
    launcher.cloud.plan(workers=1)
    environment_ready(launcher)
    command = ("python3", "-c", "import os; print(len(os.environ['TOKEN']))")
    status, out, _ = launcher("run", "--type=v6e-1", "--env=TOKEN=abcdef", command=command)
    assert (status, out) == (0, "6\n")
    specs = [p for home in launcher.cloud.homes("night") for p in home.rglob("spec.json")]
    assert specs
    assert all(os.stat(path).st_mode & 0o077 == 0 for path in specs)


def test_the_dry_run_prints_all_and_does_nothing(launcher):
    hostile = f"--workdir={HOSTILE[3]}"
    flags = ("--type=v6e-16", "--dry-run", "--spot", "--env=TOKEN=secret", "--down")
    status, out, said = launcher("run", *flags, command=(*TRAIN, hostile))
    assert status == 0
    assert not launcher.cloud.calls()
    lines = out.splitlines()
    assert all(line.startswith("gcloud --quiet compute tpus ") for line in lines)
    for part in ("create night", "scp", "prepare", "start", "logs", "delete night --force"):
        assert sum(part in line for line in lines) == 1, part
    assert "secret" not in out + said
    assert "on 4 workers" in said
