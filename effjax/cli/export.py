"""The verb that hands a network to other programs."""

import argparse
import contextlib
from pathlib import Path

from effjax.cli.declare import NETWORK, RESULTS_ONLY, flag, load_network, verb


@verb(
    *NETWORK,
    flag("--format", required=True, metavar="KIND", help="stablehlo, onnx or safetensors"),
    flag("--out", type=Path, metavar="F", help="the file (model.* in the run's folder)"),
    flag(
        "--with-preprocessing",
        metavar="HxW",
        help="take photographs of H x W: resize and crop inside the file",
    ),
    flag("--measure", action="store_true", help="also time it beside effjax"),
    RESULTS_ONLY,
    examples=[
        "effjax export --workdir=runs/photos --format=onnx --out=photos.onnx",
        "effjax export --workdir=runs/photos --format=stablehlo --measure",
        "effjax export --workdir=runs/photos --format=onnx --with-preprocessing=480x640",
        "effjax export --model=caformer_s18.sail_in1k --format=onnx --labels=names.txt",
    ],
)
def export(args: argparse.Namespace) -> None:
    """Write a network for other programs: StableHLO, ONNX or safetensors; the file is checked."""
    from effjax.export import export
    from effjax.report import choose_display

    with contextlib.closing(choose_display(args.quiet, results=True)) as display:
        trained = load_network(args, display)
        export(
            trained,
            args.format,
            args.out,
            display,
            measure=args.measure,
            whole=args.with_preprocessing,
        )
