"""Folders of runs on the command line: that they are there, and "runs/x:best" as in Python."""

import argparse
from collections.abc import Set
from pathlib import Path
from typing import Any

from effjax.cli.declare import place
from effjax.errors import UserError


def take_checkpoint(args: argparse.Namespace, given: Set[str]) -> bool:
    """Reads `--workdir=runs/x:best` as `--workdir=runs/x --step=best`, and says whether it did.

    Args:
      args: of a command; changed.
      given: the flags that were typed.

    Raises:
      UserError: the verb takes no checkpoint, one of several runs, or two.
    """
    for run in _several_runs(args):
        folder, step = _split(run)
        if step is not None:
            hint = f"give {folder} --step={step}" if hasattr(args, "step") else f"give {folder}"
            raise UserError(f"{args.verb}: {run} names a checkpoint of one of several runs\n{hint}")
    folder, step = _split(getattr(args, "workdir", None))
    if step is None:
        return False
    if not hasattr(args, "step"):
        raise UserError(_no_checkpoint(args.verb, args.workdir, folder))
    if "--step" in given:
        raise UserError(
            f"{args.verb}: --workdir={args.workdir} and --step={args.step} name a checkpoint each\n"
            f"give one: --workdir={folder} --step={step}"
        )
    args.workdir = folder
    args.step = step
    return True


def refuse_missing_runs(args: argparse.Namespace) -> None:
    """Refuses a folder that is not there before the imports of its verb, which take seconds.

    Raises:
      UserError: as the verb itself would say.
    """
    folders = _several_runs(args)
    # a verb with a checkpoint, or without the config that it could take, reads a run
    reads_run = hasattr(args, "step") or getattr(args, "config", "") is None
    if reads_run and getattr(args, "workdir", None) is not None:
        folders.append(args.workdir)
    for folder in folders:
        if not folder.exists():
            from effjax.runs.record import config_of_run

            config_of_run(folder)


def _several_runs(args: argparse.Namespace) -> list[Path]:
    """The folders that a verb of several runs was given."""
    return [*(getattr(args, "runs", None) or ()), *(getattr(args, "workdirs", None) or ())]


def _split(folder: Any) -> tuple[Any, int | str | None]:
    """(folder, checkpoint) of "runs/x:best"; (folder, None) where none is named."""
    if folder is None or ":" not in str(folder):
        return folder, None
    from effjax.runs.best import split_step

    text, step = split_step(str(folder))
    if step is None or folder.exists():  # a folder may be called so
        return folder, None
    return place(text), step


def _no_checkpoint(verb: str, workdir: Path, folder: Path) -> str:
    if verb == "train":
        return (
            f"train: a run goes on from its newest checkpoint: --workdir={folder}\n"
            f"to start a new run from {workdir}: --config.model.name={workdir} --workdir=NEW"
        )
    return f"{verb}: --workdir={workdir} names a checkpoint; give --workdir={folder}"
