import re

import pytest

from effjax.models import cost, create_model, entry, list_models
from tests.models.model_parity import COUNTS, by_size


@pytest.mark.parametrize("name", by_size(set(COUNTS) & set(list_models())))
def test_counts_are_those_of_the_reference(name):
    expected = COUNTS[name]
    # the video and few-shot models were counted without a classifier
    classes = 0 if re.match("dualformer|visformer", name) else 1000
    counted = cost(create_model(name, classes), entry(name).input_shape)
    assert counted.params == expected["params"]
    assert counted.trainable == expected["trainable"]
    gmacs = next(value for key, value in expected.items() if key.startswith("gmacs"))
    assert counted.macs / 1e9 == pytest.approx(gmacs, abs=6e-4)


def test_macs_grow_with_the_image():
    model = create_model("caformer_s18")
    assert round(cost(model, (384, 384, 3)).macs / 1e9, 2) == COUNTS["caformer_s18"]["gmacs384"]


def test_remat_and_dtype_change_no_count():
    plain = cost(create_model("caformer_s18", depths=1))
    assert cost(create_model("caformer_s18", depths=1, dtype="bfloat16", remat=True)) == plain
