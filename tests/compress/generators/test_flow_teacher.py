from pathlib import Path
from types import SimpleNamespace

import pytest

from effjax import models
from effjax.compress.generators.flow_teacher import check_flow, teacher_params
from effjax.diffusion import Edm, Flow
from effjax.errors import UserError
from tests.compress.generators.tiny_dit import tiny_dit


def test_a_dit_that_is_a_flow_may_be_divided():
    dit = tiny_dit()[0]
    check_flow(SimpleNamespace(process=Flow(), model=dit), Path("runs/x"))
    unet = models.create_model("unet_tiny", num_classes=4)
    others = (
        SimpleNamespace(process=Edm(), model=dit),
        SimpleNamespace(process=Flow(), model=unet),
        SimpleNamespace(model=unet),
    )
    for other in others:
        with pytest.raises(UserError, match="runs/x: smaller copies are made of a DiT"):
            check_flow(other, Path("runs/x"))


@pytest.mark.slow
def test_a_teacher_of_another_network_is_refused(small_flow):
    with pytest.raises(UserError, match="has another network than"):
        teacher_params(SimpleNamespace(model=tiny_dit()[0]), str(small_flow))
