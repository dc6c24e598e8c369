"""Commands on all workers: followed, judged by their exit codes, continued after preemptions."""

import textwrap
import time

import pytest

pytestmark = pytest.mark.slow  # processes beside one another, against the clock

TYPE = "--type=v6e-16"


def python(text: str) -> tuple[str, ...]:
    return ("python3", "-u", "-c", textwrap.dedent(text))


@pytest.fixture
def ready(launcher, environment_ready):
    environment_ready(launcher)
    return launcher


def until(condition, seconds=30.0):
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.2)


def test_worker_0_is_heard_and_all_must_end_well(ready):
    command = python("import os; print('one'); print(os.environ['EFFJAX_RUN'])")
    status, out, said = ready("run", TYPE, command=command)
    assert status == 0, said
    first, run = out.splitlines()
    assert first == "one"
    assert run.startswith("night-20")
    assert f"run {run}: done on all 2 workers" in said
    assert "is still up and costs" in said


def test_down_afterwards_by_request(ready):
    status, _, said = ready("run", TYPE, "--down", command=python("print(1)"))
    assert status == 0, said
    assert ready.cloud.left() == ({}, {})


def test_the_status_of_the_first_that_fails(ready):
    """Both workers fail, one late: the slice is asked for nothing more."""
    status, out, said = ready("run", TYPE, command=python("print('oh'); raise SystemExit(3)"))
    assert (status, out) == (3, "oh\n")
    assert "failed (" in said
    assert len(ready.cloud.calls("create")) == 1


def test_a_command_that_does_not_exist(ready):
    status, out, _ = ready("run", TYPE, command=("no-such-program",))
    assert status == 127
    assert "no-such-program: No such file" in out


def test_ssh_that_fails_at_first_is_tried_again(ready):
    ready.cloud.plan(ssh_failures=2)
    status, out, said = ready("run", TYPE, command=python("print('once')"))
    assert (status, out) == (0, "once\n")
    assert said.count("trying again") == 2


def test_interrupted_and_saved_is_started_again(ready):
    """Both workers end with 75 at their first start; the slice is there all the time."""
    program = """
        import os
        run = os.environ["EFFJAX_RUN"]
        print(run.count("."))
        raise SystemExit(0 if run.endswith(".1") else 75)
    """
    status, out, said = ready("run", TYPE, command=python(program))
    assert (status, out) == (0, "0\n1\n"), said
    assert "interrupted and saved" in said
    assert len(ready.cloud.calls("create")) == 1


def test_no_more_restarts_than_allowed(ready):
    status, _, said = ready("run", TYPE, "--max-restarts=1", command=python("raise SystemExit(75)"))
    assert status == 75
    assert "that is enough" in said


SLOW_AT_FIRST = """
    import pathlib, time
    begun = pathlib.Path({begun!r})
    again = begun.exists()
    begun.touch()
    print("again" if again else "first", flush=True)
    time.sleep(0 if again else 120)
"""


def test_preempted_in_the_middle_it_comes_back(ready, tmp_path):
    ready.cloud.plan(workers=1)
    begun = tmp_path / "begun"
    command = python(SLOW_AT_FIRST.format(begun=str(begun)))
    process = ready.begin("run", "--type=v6e-8", "--spot", command=command)
    until(begun.exists)
    ready.cloud.preempt("night", grace=5)
    out, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert out.endswith("again\n")  # what came before may not have been read yet
    assert "the slice was taken away" in said
    assert len(ready.cloud.calls("create")) == 2
    assert ready.cloud.left() == ({"night": "ACTIVE"}, {"night": "READY"})


LINES = """
    import time
    for i in range(40):
        print(f"line {i}", flush=True)
        time.sleep(0.05)
"""


def test_the_launcher_may_die_and_the_same_command_follows_again(ready):
    ready.cloud.plan(workers=1)
    process = ready.begin("run", "--type=v6e-8", command=python(LINES))
    until(lambda: ready.cloud.calls("logs"))
    process.kill()
    process.communicate()
    status, out, said = ready("run", "--type=v6e-8", command=python(LINES))
    assert status == 0
    assert out == "".join(f"line {i}\n" for i in range(40))
    assert "is running there as night-" in said
    assert len(ready.cloud.calls("worker.py start")) == 1


def test_another_command_meanwhile_is_refused(ready):
    ready.cloud.plan(workers=1)
    process = ready.begin("run", "--type=v6e-8", command=python(LINES))
    until(lambda: ready.cloud.calls("logs"))
    status, _, said = ready("run", "--type=v6e-8", command=python("print('another')"))
    assert status == 1
    assert "tpu_vm.py down ends it" in said
    status, out, _ = ready("status")
    assert status == 0
    assert "request ACTIVE, node READY" in out
    assert "running" in out
    assert process.communicate(timeout=60)[0].endswith("line 39\n")


def test_a_connection_that_breaks_is_taken_up_where_it_was(ready):
    """The stream's ssh is killed in the middle; no line is lost or doubled."""
    ready.cloud.plan(workers=1)
    process = ready.begin("run", "--type=v6e-8", command=python(LINES))
    log = lambda: [p for h in ready.cloud.homes("night") for p in h.glob(".effjax/runs/*/log")]  # noqa: E731
    until(lambda: ready.cloud.calls("logs") and "line 5" in log()[0].read_text())
    ready.cloud.break_connections()
    out, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert out == "".join(f"line {i}\n" for i in range(40))
    assert "connecting again" in said


def test_logs_and_ssh_after_the_end(ready):
    ready("run", TYPE, command=python("print('said')"))
    assert ready("logs")[:2] == (0, "said\n")
    assert ready("logs", "--follow") == (0, "said\n", "")
    status, out, _ = ready("ssh", command=("echo", "a b; exit 3"))
    assert (status, out) == (0, "a b; exit 3\n" * 2)
    assert ready("ssh", "--worker=1", command=("pwd",))[1].count("\n") == 1
    assert ready("ssh", "--worker=1;id", command=("pwd",))[0] == 1


def test_logs_of_nothing(ready):
    status, _, said = ready("logs")
    assert status == 1
    assert "is not up" in said
