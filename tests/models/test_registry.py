import pytest

from effjax.errors import UserError
from effjax.models import create_model, default_fields, entry, list_models, register, registry
from effjax.models.registry import default_input_shape, entry_of, published_name, register_family


def test_list_takes_a_pattern():
    assert list_models("caformer*") == [f"caformer_{size}" for size in ("b36", "m36", "s18", "s36")]


def test_default_fields_rebuild_the_architecture():
    fields = default_fields("randformer_m48")
    assert (
        create_model("caformer_s18", **fields).architecture == entry("randformer_m48").architecture
    )


def test_a_name_is_registered_once():
    known = entry("caformer_s18")
    with pytest.raises(ValueError, match="registered already"):
        register("caformer_s18", "another", known.model, known.architecture)


def test_a_family_registers_all_that_its_function_returns(monkeypatch):
    monkeypatch.setattr(registry, "_entries", {})
    known = create_model  # any function will do as a family's model here
    architectures = {"one": object(), "two": object()}

    @register_family(known, "a family", (8, 8, 3))
    def family():
        return architectures

    assert list_models() == ["one", "two"]
    assert entry("two").description == "a family"
    assert entry("two.tag").architecture is architectures["two"]
    with pytest.raises(ValueError, match="registered already"):
        register_family(known, "again")(family)


def test_an_architecture_alone_stands_for_its_first_weights():
    assert published_name("caformer_s18").startswith("caformer_s18.sail_")
    with pytest.raises(UserError, match="no published weights 'visformer_micro_80'"):
        published_name("visformer_micro_80")


def test_the_size_of_images_is_the_models_own_or_the_published_one():
    assert default_input_shape(create_model("visformer_micro_80")) == (80, 80, 3)
    wide = create_model("vit_tiny_patch16_224", image_size=(32, 64))
    assert default_input_shape(wide) == (32, 64, 3)
    with pytest.raises(UserError, match="no registered model is made from a str"):
        entry_of("caformer")
