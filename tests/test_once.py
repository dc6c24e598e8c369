import pytest

from tests.once import once


def test_a_folder_is_filled_once_and_again_after_a_failure(tmp_path_factory):
    filled = []

    def fail(folder):
        (folder / "half").touch()
        raise RuntimeError("half way")

    def fill(folder):
        filled.append(folder)
        (folder / "whole").touch()

    name = "filled_once"
    with pytest.raises(RuntimeError):
        once(tmp_path_factory, name, fail)
    first = once(tmp_path_factory, name, fill)
    assert once(tmp_path_factory, name, fill) == first
    assert filled == [first]
    assert [path.name for path in first.iterdir()] == ["whole"]
