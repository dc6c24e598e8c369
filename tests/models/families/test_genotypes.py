import pytest

from effjax.errors import UserError
from effjax.models import create_model
from effjax.models.families.genotypes import DARTS_V2, read_genotype, write_genotype


def test_text_goes_in_and_out():
    fields = read_genotype(DARTS_V2)
    assert fields["normal"][-1] == ("dil_conv_3x3", 2)
    architecture = create_model("darts_v2").architecture
    assert read_genotype(write_genotype(architecture)) == fields


def test_ranges_and_the_names_of_pr_darts_are_read():
    text = (
        "Genotype(normal=[('dua_sepc_3x3', 1), ('dil_sepc_5x5', 0)], normal_concat=range(2, 3),"
        "reduce=[('skip_connect', 0), ('none', 1)], reduce_concat=range(2, 3))"
    )
    fields = read_genotype(text)
    assert fields["normal"] == (("sep_conv_3x3", 1), ("dil_conv_5x5", 0))
    assert fields["normal_concat"] == (2,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Genotype(",
        "Genotype(normal=[])",
        "Genotype(normal=[], reduce=[], more=[])",
        "Genotype(normal=open('x'), reduce=[])",
        "__import__('os').system('true')",
    ],
)
def test_what_is_no_genotype_is_refused_and_never_run(text):
    with pytest.raises(UserError, match="cannot be read; write it as\nGenotype"):
        read_genotype(text)


def test_an_edge_of_another_form_is_refused():
    with pytest.raises(UserError, match="normal holds 'skip', expected"):
        read_genotype("Genotype(normal=['skip'], reduce=[])")
