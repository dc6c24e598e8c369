"""docs/code.md names files and rooms that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/code.md").read_text()
ROOMS = {path.name.removesuffix(".py") for path in (ROOT / "effjax").iterdir()}


def test_every_file_of_the_walks_exists():
    named = set(re.findall(r"`([\w/]+\.py)`", PAGE))
    folders = {str(Path(name).parent) for name in named}
    for name in named - {"kinds.py", "ranges.py"}:
        # a file may be named beside its neighbour, without the folder
        places = [ROOT / "effjax" / name, *(ROOT / "effjax" / f / name for f in folders)]
        assert any(place.exists() for place in places), name


def test_every_room_is_described():
    table = PAGE[PAGE.index("| room |") : PAGE.index("Imports point down")]
    first_cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("|")]
    described = set(re.findall(r"`(\w+)`", "\n".join(first_cells)))
    rooms = {room for room in ROOMS if not room.startswith(("_", "py."))}
    assert described == rooms - {"moved"}
