"""Names of classes."""

import pytest

from effjax.errors import UserError
from effjax.trained.labels import fill_names, read_label_file


def test_classes_without_a_name_are_called_by_their_numbers():
    assert fill_names(("cat",), 3) == ("cat", "class 1", "class 2")
    assert fill_names(("cat", "dog"), 1) == ("cat",)


def test_a_text_file_and_a_json_list(tmp_path):
    (tmp_path / "names.txt").write_text("cat\n\n dog \n")
    (tmp_path / "names.json").write_text('["Katze", "Hund"]')
    assert read_label_file(tmp_path / "names.txt") == ("cat", "dog")
    assert read_label_file(tmp_path / "names.json") == ("Katze", "Hund")


@pytest.mark.parametrize("text", ["[1, 2]", "{}", "null", "["])
def test_other_json_is_refused(text, tmp_path):
    (tmp_path / "names.json").write_text(text)
    with pytest.raises(UserError, match=r"names\.json.*\ngive --labels=F"):
        read_label_file(tmp_path / "names.json")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match=r"--labels=.*no\.txt cannot be read"):
        read_label_file(tmp_path / "no.txt")
