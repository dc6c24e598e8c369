import numpy as np
from PIL import Image

from effjax.sample.sheet import sheet, write_npz, write_sheet

IMAGES = np.arange(3 * 8 * 8 * 3).reshape(3, 8, 8, 3).astype(np.uint8)


def test_pictures_stand_row_by_row(tmp_path):
    page = sheet(IMAGES, 2)
    assert page.shape == (2 * 64 + 2, 2 * 64 + 2, 3)
    assert (page[:64:8, 66::8] == IMAGES[1]).all()
    assert (page[66:, 66:] == 255).all()
    write_sheet(tmp_path / "new" / "page.png", IMAGES, 2)
    assert (np.asarray(Image.open(tmp_path / "new" / "page.png")) == page).all()


def test_the_layout_of_other_programs(tmp_path):
    write_npz(tmp_path / "x.npz", IMAGES, np.asarray([1, 2, 3]))
    found = np.load(tmp_path / "x.npz")
    assert found["arr_0"].dtype == np.uint8
    assert found["arr_1"].tolist() == [1, 2, 3]
