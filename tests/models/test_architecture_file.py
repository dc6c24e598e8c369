import json

import pytest

from effjax.errors import UserError
from effjax.models import create_model, read_architecture, write_architecture


def test_what_differs_is_written_and_read(tmp_path):
    mixers = ("identity", "identity", "attention(head_dim=16)", "attention")
    model = create_model("caformer_s18", mixers=mixers, drop_path_rate=0.5, scan=True)
    path = tmp_path / "architecture.json"
    write_architecture("caformer_s18", model.architecture, path, found_by="hand")
    assert json.loads(path.read_text())["found_by"] == "hand"
    name, fields = read_architecture(path)
    # how it is trained is no part of what it is
    assert (name, list(fields)) == ("caformer_s18", ["mixers"])
    assert create_model(str(path)).architecture.mixers == mixers


@pytest.mark.parametrize(
    "text", ["[]", "null", "[" * 10_000, '{"architecture": 3, "fields": {}}', '{"fields": {}}', "{"]
)
def test_other_files_are_refused_in_two_lines(text, tmp_path):
    path = tmp_path / "architecture.json"
    path.write_text(text)
    with pytest.raises(UserError, match="of a finished effjax search") as refused:
        read_architecture(path)
    assert str(refused.value).count("\n") == 1
