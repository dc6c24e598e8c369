"""Token mixers and depths of a small MetaFormer on digits, by Hyperband: short trainings first.

The space and the training of `evolution_digits`. A bracket trains nine networks for a ninth of the
whole training, the best three of them for a third, and the best one as a whole.

Score: see docs/search.md.
Cost: 13 trainings that take as long as three whole ones, and 13 compilations.
Run: effjax search --config=configs/search/hyperband_digits.py
     effjax search --config=configs/search/hyperband_digits.py --runner=local --workers=2
"""

import dataclasses

import evolution_digits
import ml_collections

from effjax.search import Search

# the same training, short in the same way
quick = evolution_digits.quick


def get_config() -> ml_collections.ConfigDict:
    """The training of a network."""
    return evolution_digits.get_config()


def search(arg: str | None = None) -> Search:
    """One bracket over the space of `evolution_digits`."""
    wanted = evolution_digits.search(arg)
    is_quick = arg == "quick"
    options = {"units": 2, "eta": 2} if is_quick else {"units": 9, "eta": 3}
    return dataclasses.replace(
        wanted,
        strategy="hyperband",
        evaluations=2 if is_quick else 3,
        share=1.0,
        options=options,
    )
