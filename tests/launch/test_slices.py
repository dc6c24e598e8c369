"""What may be asked for: types, and how many hosts and chips they are."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "launch"))

from tpu.slices import Mistake, Slice


@pytest.mark.parametrize(
    ("kind", "hosts", "chips"),
    [
        ("v6e-1", 1, 1),
        ("v6e-8", 1, 8),  # eight chips on one VM
        ("v6e-16", 4, 16),
        ("v5litepod-4", 1, 4),
        ("v4-8", 1, 4),  # counted in cores
        ("v5p-32", 4, 16),
    ],
)
def test_hosts_and_chips(kind, hosts, chips):
    found = Slice("night", "us-east5-b", kind)
    assert (found.hosts, found.chips) == (hosts, chips)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "Night"}, "--name='Night' cannot be"),
        ({"zone": "us-east5"}, "--zone='us-east5' cannot be; expected a zone such as us-east5-b"),
        ({"type": "v6e-7"}, "'v6e-7' is no size of v6e"),
        ({"type": "v9-8"}, "'v9-8' is not known; expected one like"),
        ({"type": "tpu7x-8"}, "the Cloud TPU API ends before TPU7x"),
    ],
)
def test_what_cannot_be_is_refused(fields, message):
    with pytest.raises(Mistake, match=message):
        Slice(**({"name": "night", "zone": "us-east5-b", "type": "v6e-8"} | fields))
