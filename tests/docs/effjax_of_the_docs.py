"""`effjax` as the docs are played.

What is long takes its `quick` form, the rest is as typed: a config without an argument gets
`:quick`, and a run without a folder the one that it would have had.
"""

import sys
from pathlib import Path

from effjax.cli import main

ROOT = Path(__file__).parents[2]


def shortened(argv: list[str]) -> list[str]:
    """The command line as it is run."""
    words = list(argv)
    for place, word in enumerate(argv):
        path = word.removeprefix("--config=")
        if word != path:
            file, _, argument = path.partition(":")
            # published weights, which the docs name, are not here; a run of the page is
            if "/" not in argument and (not argument or file.endswith("finetune.py")):
                words[place] = f"--config={file}:quick"
            named = any(other.startswith("--workdir") for other in argv)
            if argv[0] in ("train", "search") and not named:
                words.append(f"--workdir=runs/{Path(file).stem}")
    # damaged in twelve ways and five strengths, all images take minutes
    if "--corrupt" in argv and not any(word.startswith("--limit") for word in argv):
        words.append("--limit=40")
    # a first look takes minutes a run
    if argv[0] == "analyse":
        words += ["--examples=64", "--batches=4", "--steps=3", "--points=3"]
    return words


if __name__ == "__main__":
    main(shortened(sys.argv[1:]))
