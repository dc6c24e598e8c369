"""Recorded values of masked prediction, self-distillation and few-shot learning, by group."""

from tests.parity.selfsup_dino import DINO
from tests.parity.selfsup_few_shot import FEW_SHOT
from tests.parity.selfsup_mae import MAE
from tests.parity.selfsup_mugs import MUGS

DISTIL = {**MAE, **DINO, **MUGS, **FEW_SHOT}
