"""`effjax show --batch --plot=F` draws the images as the network gets them."""

from effjax import cli


def test_a_picture_is_written(tmp_path, capsys):
    picture = tmp_path / "batch.png"
    arguments = ["--config=configs/quickstart.py", "--config.mix.mixup=0.8", "--batch"]
    cli.main(["show", *arguments, f"--plot={picture}"])
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert f"drawn: {picture}" in capsys.readouterr().out
