import numpy as np
import pytest

from effjax.errors import UserError
from effjax.models.weights import read_state, rewrite, write_state
from tests.models.model_parity import state_dict


def test_names_are_changed_and_tensors_left_out(tmp_path):
    state = state_dict("inception_next_atto")
    foreign = {f"encoder.{name}": value for name, value in state.items()}
    foreign["encoder.projector.weight"] = np.zeros((3, 3), np.float32)
    source, out = tmp_path / "foreign.safetensors", tmp_path / "ours.safetensors"
    write_state(foreign, source)
    rename = {r"^encoder\.": ""}
    with pytest.raises(UserError, match="1 tensors of the weights are not in the model: projector"):
        rewrite(source, out, "inception_next_atto", rename=rename)
    count = rewrite(source, out, "inception_next_atto", ignore=("^projector",), rename=rename)
    assert count == len(state)
    assert sorted(read_state(out)) == sorted(state)
