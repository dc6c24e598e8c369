import re

from effjax.models import create_model
from effjax.models.families.metaformer import MetaFormer
from effjax.models.weights.tables import TABLES, rename, timm_name


def test_our_paths_are_timms_names():
    table = TABLES[MetaFormer]
    path = ("stages_0", "blocks_11", "norm1", "scale")
    assert timm_name(table, path) == "stages.0.blocks.11.norm1.weight"
    # StarReLU's scale is no weight
    path = ("stages_0", "blocks_1", "mlp", "act", "scale")
    assert timm_name(table, path) == "stages.0.blocks.1.mlp.act.scale"


def test_the_authors_count_downsamplings_as_layers_of_the_network():
    rules = TABLES[MetaFormer].others["poolformer"]
    assert rename(rules, "stages.2.downsample.conv.weight") == "network.3.proj.weight"
    assert rename(rules, "stages.2.blocks.5.mlp.fc1.bias") == "network.4.5.mlp.fc1.bias"


def test_attention_blocks_are_made_of_linear_layers():
    mixers = ("identity", "identity", "identity", ("attention(head_dim=8)", "pooling"))
    model = create_model("caformer_s18", depths=(1, 1, 1, 2), mixers=mixers)
    pointwise = TABLES[MetaFormer].pointwise(model.architecture)
    assert re.fullmatch(pointwise, "stages.3.blocks.1.mlp.fc1.weight")
    assert not re.fullmatch(pointwise, "stages.3.blocks.0.mlp.fc1.weight")
