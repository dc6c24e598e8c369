"""A `gcloud` with a state: queued resources, nodes, and workers that are processes of this machine.

    FAKE_GCLOUD=FOLDER gcloud compute tpus ...      as the launcher calls it
    Cloud(folder).preempt(name)                     what Google does, for tests

The folder holds state.json and, for each worker of each node, a home. `plan` in the state says what
goes wrong: see `PLAN`. A worker's command runs in a shell with that home; with several workers they
are told of one another as `launch/local.py` tells its processes.
"""

import contextlib
import fcntl
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

PLAN = {
    "waiting": 1,  # descriptions in WAITING_FOR_RESOURCES, and as many in PROVISIONING
    "workers": 2,
    "devices": 0,  # fake devices of each worker; 0: the workers are not told of one another
    "ssh_failures": 0,  # connections that fail before one succeeds
    "unavailable": 0,  # calls that the service does not answer
    "suspended": 0,  # requests that become SUSPENDED instead of ACTIVE
    "failed": 0,  # requests that become FAILED
    "failed_because": "",
    "quota": False,  # nothing may be created
    "forbidden": False,
    "orphans": 0,  # deletions of a request that leave its node
    "slow_delete": 0,  # descriptions in DELETING
}

# commands that set a project up, and the flags of each
ONCE = {
    "auth login": set(),
    "config set project ": set(),
    "services enable ": set(),
    "storage buckets create gs://": {"--location", "--uniform-bucket-level-access"},
    "storage buckets add-iam-policy-binding gs://": {"--role", "--member"},
}


class Refused(Exception):
    """What gcloud writes to standard error, and its status."""

    def __init__(self, text, status=1):
        super().__init__(text)
        self.status = status


class Cloud:
    """The service behind the fake."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def state(self):
        """The state, to be read and changed by one at a time."""
        path = self.folder / "state.json"
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            state = json.loads(path.read_text()) if path.exists() else {}
            state = {
                "plan": dict(PLAN),
                "requests": {},
                "nodes": {},
                "made": 0,
                "calls": [],
            } | state
            try:
                yield state
            finally:
                path.write_text(json.dumps(state))

    def plan(self, **changes):
        assert changes.keys() <= PLAN.keys()
        with self.state() as state:
            state["plan"] |= changes

    def left(self):
        """(requests, nodes) by name and state."""
        with self.state() as state:
            return tuple(
                {n: v["state"] for n, v in state[k].items()} for k in ("requests", "nodes")
            )

    def calls(self, *words):
        """The calls that hold all these words."""
        with self.state() as state:
            return [call for call in state["calls"] if all(word in call for word in words)]

    def homes(self, name):
        with self.state() as state:
            node = state["nodes"][name]
        return [Path(node["home"]) / f"w{i}" for i in range(node["workers"])]

    def make_node(self, state, name, labels, kind="v6e-8"):
        state["made"] += 1
        workers, home = state["plan"]["workers"], self.folder / f"node{state['made']}"
        for i in range(workers):
            (home / f"w{i}").mkdir(parents=True)
        state["nodes"][name] = {
            "state": "READY",
            "labels": labels,
            "home": str(home),
            "workers": workers,
            "acceleratorType": kind,
        }

    def preempt(self, name, grace=60.0):
        """SIGTERM to all that runs there, then the end of the node."""
        pids = [int(p.read_text()) for home in self.homes(name) for p in _pids(home)]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        ends = time.monotonic() + grace
        while time.monotonic() < ends and any(_alive(pid) for pid in pids):
            time.sleep(0.1)
        self._lose(name)
        with self.state() as state:
            state["nodes"][name]["state"] = "PREEMPTED"
            state["requests"][name]["state"] = "SUSPENDED"

    def break_connections(self):
        """Ends the ssh of all `worker.py logs` there are, as a network would."""
        for path in (self.folder / "streams").glob("*"):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(path.name), signal.SIGKILL)

    def _lose(self, name):
        """Everything on the workers ends, whatever it is doing."""
        for home in self.homes(name):
            for path in _pids(home):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(path.read_text()), signal.SIGKILL)
        time.sleep(0.2)
        for home in self.homes(name):
            shutil.rmtree(home, ignore_errors=True)

    # ------------------------------------------------------------------------- gcloud's commands

    def answer(self, argv):
        """What a call writes to standard output; its exit status may be a worker's."""
        words = [word for word in argv if not word.startswith("--")]
        if words[:2] != ["compute", "tpus"]:
            return self.once(words, argv)
        flags = dict(w[2:].partition("=")[::2] for w in argv if w.startswith("--"))
        assert flags["zone"], argv
        kind, verb, *names = words[2:]
        with self.state() as state:
            state["calls"].append(" ".join(argv))
            if state["plan"]["forbidden"]:
                raise Refused(
                    "ERROR: (gcloud) PERMISSION_DENIED: The caller does not have permission"
                )
            if state["plan"]["unavailable"] > 0:
                state["plan"]["unavailable"] -= 1
                raise Refused("ERROR: (gcloud) UNAVAILABLE: the service is away")
            if verb in ("ssh", "scp"):
                self._reachable(state, names[-1].partition(":")[0] if verb == "scp" else names[0])
            else:
                return getattr(self, f"{verb}_{kind.replace('-', '_')}")(state, names[0], flags)
        return self.ssh(names[0], flags) if verb == "ssh" else self.scp(names)

    def once(self, words, argv):
        """What is done once for each project: known by its words and flags."""
        flags = {word.partition("=")[0] for word in argv if word.startswith("--")}
        wanted = next((f for w, f in ONCE.items() if " ".join(words).startswith(w)), None)
        assert wanted is not None, argv
        assert wanted == flags, argv
        with self.state() as state:
            state["calls"].append(" ".join(argv))
        return ""

    def create_queued_resources(self, state, name, flags):
        if name in state["requests"]:
            raise Refused(f"ERROR: ALREADY_EXISTS: Resource {name} already exists")
        if state["plan"]["quota"]:
            raise Refused(
                "ERROR: RESOURCE_EXHAUSTED: Quota limit 'TPUV6EPerProject' has been exceeded"
            )
        assert flags["node-id"] == name
        state["requests"][name] = {
            "state": "WAITING_FOR_RESOURCES",
            "looks": 0,
            "labels": dict([flags["labels"].split("=")]),
            "type": flags["accelerator-type"],
            "spot": "spot" in flags,
        }
        return ""

    def describe_queued_resources(self, state, name, flags):
        request = state["requests"].get(name)
        if request is None:
            raise Refused(f"ERROR: NOT_FOUND: Resource {name} was not found")
        self._advance(state, name, request)
        if name not in state["requests"]:
            raise Refused(f"ERROR: NOT_FOUND: Resource {name} was not found")
        told = {"state": request["state"]}
        if request["state"] == "FAILED":
            told["failedData"] = {"error": {"message": state["plan"]["failed_because"]}}
        nodes = [{"node": {"labels": request["labels"]}}]
        return json.dumps({"state": told, "tpu": {"nodeSpec": nodes}})

    def _advance(self, state, name, request):
        plan, waiting = state["plan"], state["plan"]["waiting"]
        request["looks"] += 1
        if request["state"] == "DELETING":
            if request["looks"] > plan["slow_delete"]:
                del state["requests"][name]
        elif request["state"] == "WAITING_FOR_RESOURCES" and request["looks"] > waiting:
            request["state"] = "PROVISIONING"
        elif request["state"] == "PROVISIONING" and request["looks"] > 2 * waiting:
            for ending in ("suspended", "failed"):
                if plan[ending] > 0:
                    plan[ending] -= 1
                    request["state"] = ending.upper()
                    return
            request["state"] = "ACTIVE"
            self.make_node(state, name, request["labels"], request["type"])

    def delete_queued_resources(self, state, name, flags):
        if name not in state["requests"]:
            raise Refused(f"ERROR: NOT_FOUND: Resource {name} was not found")
        assert "force" in flags or state["requests"][name]["state"] in ("FAILED", "SUSPENDED")
        state["requests"][name] |= {"state": "DELETING", "looks": 0}
        if state["plan"]["orphans"] > 0:
            state["plan"]["orphans"] -= 1
        else:
            self._end_node(state, name)
        return ""

    def describe_tpu_vm(self, state, name, flags):
        node = state["nodes"].get(name)
        if node is None:
            raise Refused(f"ERROR: NOT_FOUND: Resource {name} was not found")
        return json.dumps({**node, "networkEndpoints": [{}] * node["workers"]})

    def delete_tpu_vm(self, state, name, flags):
        if name not in state["nodes"]:
            raise Refused(f"ERROR: NOT_FOUND: Resource {name} was not found")
        if name in state["requests"] and state["requests"][name]["state"] != "DELETING":
            raise Refused("ERROR: FAILED_PRECONDITION: delete the queued resource")
        self._end_node(state, name)
        return ""

    def _end_node(self, state, name):
        node = state["nodes"].pop(name, None)
        for i in range(node["workers"] if node else 0):
            home = Path(node["home"]) / f"w{i}"
            for path in _pids(home):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(path.read_text()), signal.SIGKILL)

    # ------------------------------------------------------------------------------- its workers

    def _reachable(self, state, name):
        node = state["nodes"].get(name)
        if node is None:
            raise Refused(f"ERROR: NOT_FOUND: Resource {name} was not found")
        if state["plan"]["ssh_failures"] > 0:
            state["plan"]["ssh_failures"] -= 1
            raise Refused("ssh: connect to host 10.0.0.1 port 22: Connection refused", 255)
        if node["state"] != "READY":
            raise Refused(f"ERROR: FAILED_PRECONDITION: the node is {node['state']}")

    def scp(self, names):
        *files, target = names
        name, _, folder = target.partition(":")
        for home in self.homes(name):
            assert (home / folder).is_dir(), f"{home / folder} is not there"
            for file in files:
                shutil.copy(file, home / folder)
            if ready := os.environ.get("FAKE_GCLOUD_VENV"):  # an image that brings it along
                for spec in (home / folder).glob("*.json"):
                    venv = home / ".effjax/venvs" / json.loads(spec.read_text())["venv"]
                    venv.parent.mkdir(exist_ok=True)
                    if not venv.exists():
                        venv.symlink_to(ready)
        return ""

    def ssh(self, name, flags):
        homes, port = self.homes(name), local().free_port()
        with self.state() as state:
            devices = state["plan"]["devices"]
        chosen = range(len(homes)) if flags["worker"] == "all" else [int(flags["worker"])]
        running = []
        for i in chosen:
            environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
            if devices:
                environment = local().environment_of(i, len(homes), devices, port, environment)
            environment |= {"HOME": str(homes[i])}
            command = ["bash", "-c", flags["command"]]
            process = subprocess.Popen(
                command, cwd=homes[i], env=environment, start_new_session=True
            )
            running.append(process)
            if "worker.py logs" in flags["command"]:
                (self.folder / "streams").mkdir(exist_ok=True)
                (self.folder / "streams" / str(process.pid)).touch()
        codes = [process.wait() for process in running]
        bad = next((255 if code < 0 else code for code in codes if code), 0)
        if bad:
            raise Refused("ERROR: (gcloud.compute.tpus.tpu-vm.ssh) a worker's command failed", bad)
        return ""


def _pids(home):
    return home.glob(".effjax/runs/*/pid")


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def local():
    """launch/local.py."""
    path = Path(__file__).parents[2] / "launch/local.py"
    spec = importlib.util.spec_from_file_location("local", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    try:
        sys.stdout.write(
            Cloud(os.environ["FAKE_GCLOUD"]).answer([w for w in sys.argv[1:] if w != "--quiet"])
        )
    except Refused as refused:
        print(refused, file=sys.stderr)
        raise SystemExit(refused.status) from None
