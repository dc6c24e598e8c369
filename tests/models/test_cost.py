import pytest
from model_parity import COUNTS

from effjax.models import cost, create_model, list_models


@pytest.mark.parametrize("name", sorted(set(COUNTS) & set(list_models())))
def test_counts_are_those_of_the_reference(name):
    expected = COUNTS[name]
    counted = cost(create_model(name))
    assert counted.params == expected["params"]
    assert counted.trainable == expected["trainable"]
    assert round(counted.macs / 1e9, 3) == expected["gmacs224"]


def test_macs_grow_with_the_image():
    model = create_model("caformer_s18")
    assert round(cost(model, (384, 384, 3)).macs / 1e9, 2) == COUNTS["caformer_s18"]["gmacs384"]


def test_remat_and_dtype_change_no_count():
    plain = cost(create_model("caformer_s18"))
    assert cost(create_model("caformer_s18", dtype="bfloat16", remat=True)) == plain
