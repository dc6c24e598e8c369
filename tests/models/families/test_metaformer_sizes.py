from effjax.models import entry
from effjax.models.families.metaformer_sizes import CONV_SIZES, POOL_SIZES


def test_rates_are_those_of_each_familys_published_training():
    rates = {
        name: entry(name).architecture.drop_path_rate
        for name in ("poolformer_m48", "randformer_m48", "convformer_s18", "caformer_s18")
    }
    assert list(rates.values()) == [0.4, 0.3, 0.2, 0.15]
    assert entry("caformer_b36").architecture.head_dropout == 0.5
    assert entry("convformer_b36").architecture.head_dropout == 0.0


def test_every_family_has_every_size():
    for family in ("poolformer", "poolformerv2", "identityformer", "randformer"):
        for size in POOL_SIZES:
            assert entry(f"{family}_{size}").description.startswith("MetaFormer, ")
    for size in CONV_SIZES:
        assert entry(f"caformer_{size}").architecture.mixers[2:] == ("attention", "attention")
