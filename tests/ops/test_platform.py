import jax
import pytest

from effjax.ops import ANY, traced_for
from effjax.ops.platform import on_tpu


def test_a_program_is_traced_for_what_was_named():
    assert on_tpu() == (jax.default_backend() == "tpu")
    with traced_for("tpu"):
        assert on_tpu()
        for other in ("cpu", ANY):
            with traced_for(other):
                assert not on_tpu()
        assert on_tpu()


def test_an_error_inside_leaves_nothing_behind():
    before = on_tpu()
    with pytest.raises(KeyError), traced_for("tpu"):
        raise KeyError
    assert on_tpu() == before
