"""From a finished benchmark's folder to what the repository ships of it.

    effjax bench --config=F --report --make-targets=configs/bench/targets/cpu.json
    effjax bench --config=F --report
    python benchmarks/publish.py runs/bench-cpu cpu --page

The rows go to configs/bench/baselines/<name>, packed; with --page the report becomes
docs/bench_<name>.md with its picture in docs/assets.
"""

import argparse
import datetime
import gzip
import shutil
from pathlib import Path

ROOT = Path(__file__).parent.parent
LIST = "\nAll pages of results: [results.md](results.md). How to read this: [bench.md](bench.md).\n"


def publish_rows(folder: Path, name: str) -> Path:
    """Packs the rows; the same rows give the same bytes."""
    out = ROOT / "configs/bench/baselines" / name
    out.mkdir(parents=True, exist_ok=True)
    rows = (folder / "results.jsonl").read_bytes()
    (out / "results.jsonl.gz").write_bytes(gzip.compress(rows, 9, mtime=0))
    shutil.copy(folder / "machines.jsonl", out)
    return out


def publish_page(folder: Path, name: str) -> Path:
    """The report as a page of the docs."""
    picture = f"assets/bench_{name}.png"
    shutil.copy(folder / "overview.png", ROOT / "docs" / picture)
    title, lead, *parts = (folder / "report.md").read_text().split("\n\n")
    parts = [part.replace("](overview.png)", f"]({picture})") for part in parts]
    page = ROOT / "docs" / f"bench_{name}.md"
    made = datetime.date.fromtimestamp((folder / "results.jsonl").stat().st_mtime)
    text = "\n\n".join([f"{title}: {name}", f"{lead} Trained until {made}.", *parts])
    page.write_text(text.rstrip("\n") + "\n" + LIST)
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("name")
    parser.add_argument("--page", action="store_true", help="write docs/bench_<name>.md")
    args = parser.parse_args()
    print(publish_rows(args.folder, args.name))
    if args.page:
        print(publish_page(args.folder, args.name))


if __name__ == "__main__":
    main()
