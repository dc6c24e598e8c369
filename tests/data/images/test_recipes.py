import pytest

from effjax.data.images.recipes import Recipe, find_recipe, list_recipes
from effjax.errors import UserError


def test_recipes_are_those_of_the_papers():
    lines = list_recipes()
    assert set(lines) >= {"moco_v1", "moco_v2", "byol1", "byol2", "dino_local", "mugs_strong"}
    assert all(lines.values())
    v2 = find_recipe("moco_v2")
    assert (v2.scale, v2.jitter_prob, v2.grey, v2.blur) == ((0.2, 1.0), 0.8, 0.2, 0.5)
    first, second = find_recipe("dino_global1"), find_recipe("dino_global2")
    assert (first.blur, first.solarize, second.blur, second.solarize) == (1.0, 0.0, 0.1, 0.2)
    assert find_recipe("mugs_local").scale == (0.05, 0.25)
    assert isinstance(find_recipe("plain"), Recipe)


def test_an_unknown_recipe_is_refused():
    with pytest.raises(UserError, match="unknown recipe 'moco_v4'"):
        find_recipe("moco_v4")
