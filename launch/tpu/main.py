"""The command line of `launch/tpu_vm.py`."""

import argparse
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence

from tpu.bundle import EXTRAS, Bundle, environment_of
from tpu.gcloud import DryRun, Failed, Gcloud, last_line, say
from tpu.lifecycle import WAIT_HOURS, bring_up, take_down
from tpu.runs import WORKER, follow, run_to_the_end, states
from tpu.slices import Mistake, Slice

VERBS = ("up", "run", "status", "logs", "ssh", "down")


def parse(argv: Sequence[str], about: str | None = None) -> tuple[argparse.Namespace, list[str]]:
    """(flags, what stands after --)."""
    # argparse would take flags of the command after -- for its own
    argv = list(argv)
    cut = argv.index("--") if "--" in argv else len(argv)
    argv, command = argv[:cut], argv[cut + 1 :]
    parser = argparse.ArgumentParser(
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("verb", choices=VERBS)
    parser.add_argument("--name", required=True, help="of the slice; small letters, digits, -")
    parser.add_argument("--zone", required=True, help="such as us-east5-b")
    parser.add_argument("--type", help="such as v6e-8 or v5litepod-16 (for up and run)")
    parser.add_argument("--project", help="(that of gcloud's configuration)")
    parser.add_argument("--spot", action="store_true", help="cheaper; may be taken away")
    parser.add_argument("--runtime", help="software of the VMs (that of the type)")
    parser.add_argument("--dry-run", action="store_true", help="print the commands, do nothing")
    parser.add_argument("--env", action="append", default=[], metavar="K[=V]", help="for the run")
    parser.add_argument("--extras", default=EXTRAS, help=f"of effjax, installed there ({EXTRAS})")
    parser.add_argument("--max-restarts", type=int, default=50, help="after preemptions (50)")
    parser.add_argument(
        "--wait-hours", type=float, default=WAIT_HOURS, help="for capacity, up and run (72)"
    )
    parser.add_argument("--shared-workdir", action="store_true", help="--workdir is on NFS or such")
    parser.add_argument("--down", action="store_true", help="run: take it down when it has ended")
    parser.add_argument("--force", action="store_true", help="down: also what others have made")
    parser.add_argument("--follow", action="store_true", help="logs: until the run ends")
    parser.add_argument("--worker", default=None, metavar="N", help="ssh: on this one only")
    parser.add_argument("--pause", type=float, default=10.0, help=argparse.SUPPRESS)
    return parser.parse_args(argv), command


def main(argv: Sequence[str] | None = None, about: str | None = None) -> int:
    """Runs a verb and returns the exit status; `about` is what --help says."""
    args, command = parse(sys.argv[1:] if argv is None else argv, about)
    try:
        slice_ = Slice(args.name, args.zone, args.type, args.project, args.spot, args.runtime)
        check(args, command, slice_)
        make = DryRun if args.dry_run else Gcloud
        gcloud = make(slice_, args.pause)
        return globals()[f"_{args.verb}"](args, gcloud, command)
    except Mistake as mistake:
        say(str(mistake))
        return 1
    except Failed as failed:
        say(f"gcloud failed: {last_line(failed.text)}")
        return 1
    except KeyboardInterrupt:
        say(f"interrupted; what was started goes on and costs: tpu_vm.py down --name={args.name}")
        return 130


def check(args: argparse.Namespace, command: list[str], slice_: Slice) -> None:
    """Refuses what cannot end well, before anything is created."""
    if args.verb in ("up", "run") and slice_.type is None:
        raise Mistake(f"{args.verb} wants --type, such as --type=v6e-8")
    if args.verb != "run":
        if command and args.verb != "ssh":
            raise Mistake(f"{args.verb} takes no command; after -- it belongs to run and ssh")
        return
    if not command:
        raise Mistake("run wants a command: ... -- effjax train --config=F --workdir=gs://BUCKET/D")
    if not all(extra.isidentifier() for extra in args.extras.split(",") if extra):
        raise Mistake(f"--extras={args.extras!r}: expected names, such as tpu,gcs,wandb")
    if args.max_restarts < 0:
        raise Mistake(f"--max-restarts={args.max_restarts}; expected 0 or more")
    workdirs = [part.partition("=")[2] for part in command if part.startswith("--workdir=")]
    remote = bool(workdirs) and all(w.startswith("gs://") for w in workdirs)
    if command[0] == "effjax" and not (remote or args.shared_workdir):
        raise Mistake(
            f"the workdir is {workdirs[0] if workdirs else 'not given'}, and goes with the VM\n"
            "give --workdir=gs://BUCKET/FOLDER (or --shared-workdir if all workers share it)"
        )


def _up(args: argparse.Namespace, gcloud: Gcloud, command: list[str]) -> int:
    workers = bring_up(gcloud, args.wait_hours)
    say(f"{args.name} is ready: {workers} workers, {gcloud.slice.chips} chips")
    return 0


def _run(args: argparse.Namespace, gcloud: Gcloud, command: list[str]) -> int:
    started = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    bundle = Bundle(f"{args.name}-{started}", command, environment_of(args.env), args.extras)
    # values may be secrets (a W&B key)
    shown = "".join(f" {name}=..." for name in bundle.env)
    say(f"on {gcloud.slice.hosts} workers of {args.name}:{shown} {shlex.join(command)}")
    status = run_to_the_end(gcloud, bundle, args.max_restarts, args.wait_hours)
    if args.down:
        take_down(gcloud)
    else:
        say(f"{args.name} is still up and costs: tpu_vm.py down --name={args.name} ...")
    return status


def _status(args: argparse.Namespace, gcloud: Gcloud, command: list[str]) -> int:
    request, node = gcloud.request(), gcloud.node()
    state = request.get("state", {}).get("state") if request else "none"
    health = node.get("state") if node else "none"
    print(f"request {state}, node {health}")
    for found in states(gcloud) if node and health == "READY" else []:
        code = "" if found["code"] is None else f" with {found['code']}"
        print(f"{found['worker']}: {found['run'] or 'no run'} {found['state']}{code}")
    return 0


def _logs(args: argparse.Namespace, gcloud: Gcloud, command: list[str]) -> int:
    if gcloud.node() is None:
        raise Mistake(f"{args.name} is not up; what a run has written is in its workdir")
    runs = [state["run"] for state in states(gcloud) if state["run"]]
    if not runs:
        raise Mistake(f"nothing has been run on {args.name}")
    if args.follow:
        return 0 if follow(gcloud, runs[0]) else 75
    sys.stdout.write(gcloud.ssh(f"{WORKER} logs {runs[0]} 0 once", worker=0))
    return 0


def _ssh(args: argparse.Namespace, gcloud: Gcloud, command: list[str]) -> int:
    worker = args.worker if args.worker is not None else ("all" if command else "0")
    if not (worker == "all" or worker.isdigit()):
        raise Mistake(f"--worker={worker!r}: expected a number, or all")
    words = gcloud.ssh_arguments(shlex.join(command) if command else None, worker)
    if args.dry_run:
        print(shlex.join(words))
        return 0
    return subprocess.run(words, check=False).returncode  # the terminal is the worker's meanwhile


def _down(args: argparse.Namespace, gcloud: Gcloud, command: list[str]) -> int:
    take_down(gcloud, args.force)
    return 0
