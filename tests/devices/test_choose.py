"""Which devices train, and that each mode has its runner."""

import jax
import pytest

from effjax.devices.choose import choose_devices, make_runner
from effjax.devices.mesh import Mesh
from effjax.devices.pmap import Pmap
from effjax.errors import UserError
from tests.training.toy import line_config


def test_all_devices_or_the_first_ones():
    assert choose_devices(None) == jax.devices()
    assert choose_devices(3) == jax.devices()[:3]


@pytest.mark.parametrize("count", [0, 9])
def test_devices_that_are_not_here(count):
    with pytest.raises(
        UserError, match=rf"parallel\.devices = {count}, but 8 device\(s\) are here"
    ):
        choose_devices(count)


@pytest.mark.parametrize(("mode", "kind"), [("mesh", Mesh), ("pmap", Pmap)])
def test_each_mode_has_its_runner(mode, kind):
    parallel = line_config().parallel
    parallel.mode = mode
    assert type(make_runner(jax.devices()[:2], 16, 1, parallel)) is kind
    with pytest.raises(UserError, match=r"cannot be split over 2 device\(s\) in 3 parts\n.* of 6"):
        make_runner(jax.devices()[:2], 16, 3, parallel)
