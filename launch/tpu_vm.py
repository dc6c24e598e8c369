"""One command to a Cloud TPU slice, and back.

    python launch/tpu_vm.py run --name=night --type=v6e-8 --zone=us-east5-b --spot -- \\
        effjax train --config=configs/imagenet/caformer.py --workdir=gs://my-bucket/night

    up        ask for the slice and wait for it (one that is there is used)
    run       up, then code, environment and command on all its workers; follows worker 0, starts
              again after a preemption, and ends with the command's status
    status    what the slice and the run on it are doing
    logs      what worker 0 has written so far (--follow: until the run ends)
    ssh       a shell on one worker, or (after --) a command on all
    down      take it all down; may be said at any time, also twice

`--dry-run` prints every command instead. docs/launch.md is the guide.
"""

from tpu.main import main

if __name__ == "__main__":
    raise SystemExit(main(about=__doc__))
