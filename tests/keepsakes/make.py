"""Makes the keepsakes: what revision 3e71cb4 wrote, for later revisions to read.

    git worktree add ../old 3e71cb4 && cd ../old && python ../effjax/tests/keepsakes/make.py OUT

Run it with the old revision importable. What it writes is committed beside this file:

    run/            a training of eight steps that was stopped at step 4
    continued.jsonl the rows that the old revision wrote when it went on to step 8
    finished/       a finished classification (the run went on), without its older checkpoint
    found/          an exported kernel search
    sweep/          a finished sweep of two variants, without checkpoints
    configs.json    {config file: the resolved tree} of every config
    models.json.gz  {registered model: {path: dtype and shape}}, in the order of the leaves
    losses.json     {what: [train/loss of the first steps]}
"""

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jax

ROOT = Path.cwd()
RUN = [
    "--config=configs/quickstart.py:quick",
    "--config.total_steps=8",
    "--config.model.dims=(8,8,16,16)",
    "--config.checkpoint.every_epochs=None",
    "--config.checkpoint.every_steps=4",
    "--config.checkpoint.keep_last=3",
    "--config.evals.val.every_epochs=None",
    "--config.log.every_steps=1",
    "--config.log.tensorboard=False",
    "--config.log.curves=False",
    "--config.accumulate=2",
    "--config.ema.decay=0.9",
    "--config.mix.mixup=0.8",
    "--config.mix.cutmix=1.0",
    "--config.model.drop_path_rate=0.2",
]
SMALL = [
    "--config.log.every_steps=1",
    "--config.log.tensorboard=False",
    "--config.log.curves=False",
]


def effjax(*words: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}
    subprocess.run([sys.executable, "-m", "effjax", *words], check=True, env=environment)


def rows(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def make_run(out: Path) -> None:
    whole, stopped = out / "finished", out / "run"
    effjax("train", *RUN, f"--workdir={whole}")
    shutil.copytree(whole, stopped)
    shutil.rmtree(stopped / "checkpoints/8")
    (stopped / "summary.json").unlink()
    shutil.rmtree(whole / "checkpoints/4")
    lines = (whole / "metrics.jsonl").read_text().splitlines(keepends=True)
    before = [line for line in lines if json.loads(line)["step"] <= 4]
    (stopped / "metrics.jsonl").write_text("".join(before))
    (out / "continued.jsonl").write_text("".join(lines[len(before) :]))


def make_search(out: Path, scratch: Path) -> None:
    folder = scratch / "search"
    config = "--config=configs/search/kernel_size_digits.py:quick"
    effjax("search", config, *SMALL, f"--workdir={folder}")
    (out / "found").mkdir()
    for name in ("architecture.json", "weights.safetensors", "search.json", "config.json"):
        shutil.copy(folder / name, out / "found" / name)


def make_losses(out: Path, scratch: Path) -> None:
    config = "--config=configs/distill.py:quick"
    effjax(
        "train", config, *SMALL, f"--config.task.teacher={out}/finished",
        "--config.model.dims=(8,8,16,16)", f"--workdir={scratch}/distill",
    )  # fmt: skip
    folders = {
        "classification": out / "finished",
        "kernel_search": scratch / "search",
        "distill": scratch / "distill",
    }
    losses = {
        name: [row["train/loss"] for row in rows(folder) if "train/loss" in row]
        for name, folder in folders.items()
    }
    (out / "losses.json").write_text(json.dumps(losses, indent=1) + "\n")


def make_sweep(out: Path, scratch: Path) -> None:
    folder = scratch / "sweep"
    effjax("sweep", "--config=configs/ablations/mixers.py:quick", f"--workdir={folder}")
    ignored = shutil.ignore_patterns("checkpoints", "tensorboard", "*.png", "*.html", "*.log")
    shutil.copytree(folder, out / "sweep", ignore=ignored)


def make_configs(out: Path) -> None:
    from effjax.train import RunConfig

    from effjax.config.load import load

    trees = {}
    for path in sorted((ROOT / "configs").rglob("*.py")):
        name = str(path.relative_to(ROOT))
        if path.name.startswith("_") or "/bench/" in name:
            continue
        config = load(name, [], RunConfig)
        trees[name] = json.loads(config.to_json_best_effort())
    (out / "configs.json").write_text(json.dumps(trees, indent=1) + "\n")


def make_models(out: Path) -> None:
    import effjax
    from effjax.models.registry import abstract_variables

    shapes = {}
    for name in effjax.list_models():
        variables = abstract_variables(effjax.create_model(name))
        leaves = jax.tree_util.tree_leaves_with_path(dict(variables))
        shapes[name] = {
            jax.tree_util.keystr(path, simple=True, separator="/"): f"{x.dtype}{list(x.shape)}"
            for path, x in leaves
        }
    with gzip.GzipFile(out / "models.json.gz", "wb", mtime=0) as file:
        file.write(json.dumps(shapes).encode())


def main(out: Path) -> None:
    out = out.absolute()
    scratch = out / "scratch"
    scratch.mkdir(parents=True)
    make_run(out)
    make_search(out, scratch)
    make_losses(out, scratch)
    make_sweep(out, scratch)
    make_configs(out)
    make_models(out)
    shutil.rmtree(scratch)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
