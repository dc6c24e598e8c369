"""What runs on a worker: makes the environment, starts the command, says how it goes.

Copied there by `tpu_vm.py`; needs nothing but the Python of the VM (3.10), so it imports nothing of
ours.

    worker.py prepare RUN     code unpacked, virtual environment made (unless it is there)
    worker.py start RUN       the command, detached; a second start of the same run does nothing
    worker.py status          one line of JSON: the newest run, whether it goes on, its exit code
    worker.py logs RUN N      what it has written from byte N on, until it ends
    worker.py stop            SIGTERM to the newest run, which saves and ends with 75

    ~/.effjax/incoming/       RUN.json (command, environment, hashes) and code.HASH.tar.gz
             /code/HASH/      a checkout
             /venvs/HASH/     keyed by constraints, extras and Python; `.ready` when complete
             /runs/RUN/       spec.json, log, pid, exit
"""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
from pathlib import Path

HOME = Path.home() / ".effjax"
MARK = "effjax-worker "  # before the JSON that is meant for the launcher
OLD_RUNS = 20


def main() -> int:
    os.umask(0o077)
    verb, *arguments = sys.argv[1:]
    return {
        "prepare": prepare,
        "start": start,
        "supervise": supervise,
        "status": status,
        "logs": logs,
        "stop": stop,
    }[verb](*arguments)


def read_spec(run: str) -> dict:
    """What the launcher has sent for a run."""
    path = HOME / "runs" / run / "spec.json"
    incoming = HOME / "incoming" / f"{run}.json"
    if incoming.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(str(incoming), path)
    return json.loads(path.read_text())


# --------------------------------------------------------------------------- code and environment


def prepare(run: str) -> int:
    """Unpacks the code and makes the environment; two at once wait for each other."""
    spec = read_spec(run)
    HOME.mkdir(exist_ok=True)
    with (HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code = unpack(spec["code"])
        make_environment(HOME / "venvs" / spec["venv"], code, spec["extras"])
    return 0


def unpack(name: str) -> Path:
    """The checkout of a hash."""
    folder, archive = HOME / "code" / name, HOME / "incoming" / f"code.{name}.tar.gz"
    if not folder.exists():
        part = folder.with_name(f"{name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        with tarfile.open(archive) as tar:
            tar.extractall(part, filter="data") if hasattr(tarfile, "data_filter") else (
                tar.extractall(part)
            )
        part.rename(folder)
    archive.unlink(missing_ok=True)
    return folder


def make_environment(venv: Path, code: Path, extras: str) -> None:
    """A virtual environment with what effjax needs, as pinned; effjax comes from the code."""
    if (venv / ".ready").exists():
        return
    shutil.rmtree(venv, ignore_errors=True)
    python = shutil.which("python3.12") or shutil.which("python3.11")
    target = f"{code}[{extras}]" if extras else str(code)
    wanted = ["-e", target, "-c", str(code / "constraints.txt")]
    if python:
        run_loudly([python, "-m", "venv", str(venv)])
        run_loudly([str(venv / "bin/python"), "-m", "pip", "install", "-q", *wanted])
    else:  # the VM's own Python is older than effjax needs: uv brings one along
        uv = shutil.which("uv") or str(Path.home() / ".local/bin/uv")
        if not Path(uv).exists():
            run_loudly([sys.executable, "-m", "pip", "install", "-q", "--user", "uv"])
        run_loudly([uv, "venv", "-q", "--python", "3.12", str(venv)])
        python = str(venv / "bin/python")
        run_loudly([uv, "pip", "install", "-q", "--python", python, *wanted])
    (venv / ".ready").touch()


def run_loudly(command: list) -> None:
    """Runs a command; what it says is shown only if it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.stderr.write(done.stderr[-2000:])
        raise SystemExit(f"{socket.gethostname()}: {command[0]} {command[1]} ... failed")


# ------------------------------------------------------------------------------------ the command


def start(run: str) -> int:
    """Starts the command in a session of its own, which outlives this connection."""
    folder = HOME / "runs" / run
    read_spec(run)
    # made by one of two starts at the same time, whichever is first
    try:
        (folder / "started").touch(exist_ok=False)
    except FileExistsError:
        return 0  # the connection broke after the first start
    (HOME / "current").write_text(run)
    for old in sorted((HOME / "runs").iterdir(), key=lambda p: p.stat().st_mtime)[:-OLD_RUNS]:
        shutil.rmtree(old, ignore_errors=True)
    with (folder / "log").open("ab") as log:
        subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), "supervise", run],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return 0


def supervise(run: str) -> int:
    """Runs the command to its end and notes how it ended."""
    folder, spec = HOME / "runs" / run, read_spec(run)
    code, venv = HOME / "code" / spec["code"], HOME / "venvs" / spec["venv"]
    environment = {**os.environ, **spec["env"], "PYTHONUNBUFFERED": "1", "EFFJAX_RUN": run}
    environment["PATH"] = f"{venv / 'bin'}:{environment['PATH']}"
    environment["PYTHONPATH"] = str(code)
    environment["VIRTUAL_ENV"] = str(venv)
    try:
        command = subprocess.Popen(
            spec["command"], cwd=code, env=environment, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        print(f"{spec['command'][0]}: {error.strerror}", flush=True)
        note(folder / "exit", "127")
        return 0
    note(folder / "pid", str(command.pid))
    # a preempted VM is told so by SIGTERM: the command is to save
    signal.signal(signal.SIGTERM, lambda *_: command.send_signal(signal.SIGTERM))
    status = command.wait()
    note(folder / "exit", str(128 - status if status < 0 else status))
    return 0


def note(path: Path, text: str) -> None:
    """Writes a small file so that a reader never sees a part of it."""
    part = path.with_suffix(".part")
    part.write_text(text)
    part.replace(path)


# --------------------------------------------------------------------------- how it is getting on


def state_of(run: str) -> dict:
    """{"run", "state": running, exited or lost, "code"} of a run."""
    folder = HOME / "runs" / run
    if (folder / "exit").exists():
        return {"run": run, "state": "exited", "code": int((folder / "exit").read_text())}
    begun = folder / "started"
    if not begun.exists():
        return {"run": run, "state": "absent", "code": None}
    if not (folder / "pid").exists():
        young = time.time() - begun.stat().st_mtime < 60
        return {"run": run, "state": "running" if young else "lost", "code": None}
    try:
        os.kill(int((folder / "pid").read_text()), 0)
    except ProcessLookupError:
        time.sleep(1.0)  # it may have ended just now
        if not (folder / "exit").exists():
            return {"run": run, "state": "lost", "code": None}
        return state_of(run)
    return {"run": run, "state": "running", "code": None}


def status(run: str = "") -> int:
    """Says how the run, or the newest one, is getting on."""
    current = HOME / "current"
    run = run or (current.read_text() if current.exists() else "")
    found = state_of(run) if run else {"run": None, "state": "absent", "code": None}
    found["worker"] = socket.gethostname()
    if run and (HOME / "runs" / run / "spec.json").exists():
        found["command"] = read_spec(run)["command"]
    # in one piece: other workers write into the same pipe
    os.write(sys.stdout.fileno(), f"{MARK}{json.dumps(found)}\n".encode())
    return 0


def logs(run: str, offset: str, follow: str = "follow") -> int:
    """Copies the log from a byte on; with `follow` until the run has ended."""
    path = HOME / "runs" / run / "log"
    with path.open("rb") as log:
        log.seek(int(offset))
        while True:
            over = follow != "follow" or state_of(run)["state"] != "running"
            piece = log.read()  # after the look: what came before the end is in it
            sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
            if over:
                return 0
            if not piece:
                time.sleep(0.3)


def stop() -> int:
    """Asks the newest run to save and end."""
    current = HOME / "current"
    if current.exists() and state_of(current.read_text())["state"] == "running":
        pid = HOME / "runs" / current.read_text() / "pid"
        os.kill(int(pid.read_text()), signal.SIGTERM)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
