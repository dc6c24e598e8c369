"""The kernels of an elastic network that may be smaller."""

from effjax.compress.elastic.windows import Window


def test_bands_may_be_smaller_and_the_square_kernel_not(filled):
    windows = filled("inception_next_atto").net.windows
    mixer = "stages_0/blocks_0/token_mixer"
    choice = "stages_0.blocks_0.band_kernels"
    first = [window for window in windows if window.path.startswith(mixer)]
    assert first == [
        Window(f"{mixer}/dwconv_w", choice, (3, 5)),
        Window(f"{mixer}/dwconv_h", choice, (3, 5)),
    ]
