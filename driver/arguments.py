"""The arguments of each command. A new flag is one line."""

from __future__ import annotations

import argparse
from typing import Any

OPTIMIZATIONS = ("DEFAULT", "OPTIMIZE_FOR_SIZE", "OPTIMIZE_FOR_LATENCY", "EXPERIMENTAL_SPARSITY")
SPARSITY_TARGETS = ("balanced", "size", "latency")
OPS = (
    "TFLITE_BUILTINS",
    "TFLITE_BUILTINS_INT8",
    "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8",
)
IO_TYPES = ("float32", "int8", "uint8", "int16")
TYPES = ("float16", "int8")


def _words(known: tuple[str, ...], *, upper: bool) -> Any:
    """The type of an argument that is one or more of `known`, comma separated, in any case."""

    def parse(text: str) -> list[str]:
        words = [word.strip().upper() if upper else word.strip().lower() for word in text.split(",")]
        for word in words:
            if word not in known:
                raise argparse.ArgumentTypeError(f"'{word}' is none of {', '.join(known)}")
        return words

    return parse


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-v", "--verbose", action="count", default=0, help="say what each pass did")
    parser.add_argument("-q", "--quiet", action="store_true", help="print errors only")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")


def add_compile(commands: Any) -> None:
    """`tflir compile`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "compile",
        help="compile a model",
        description="Compiles MODEL. Without --optimize nothing is quantized or made sparse.",
    )
    parser.add_argument("model", metavar="MODEL", help=".tflite, or .mlir text")
    parser.add_argument("-o", "--output", metavar="OUT", help=".mlir: text, else a .tflite (default: MODEL.opt.tflite)")
    parser.add_argument(
        "--optimize", metavar="FLAG[,FLAG…]", action="append", default=[], type=_words(OPTIMIZATIONS, upper=True),
        help="DEFAULT: quantize (OPTIMIZE_FOR_SIZE and OPTIMIZE_FOR_LATENCY: deprecated names of DEFAULT); "
        "EXPERIMENTAL_SPARSITY: leave the zeros of weights out",
    )  # fmt: skip
    parser.add_argument(
        "--sparsity-target", metavar="TARGET", default="balanced", type=str.lower, choices=SPARSITY_TARGETS,
        help="of EXPERIMENTAL_SPARSITY: size, latency, or balanced (default): never larger, never slower by the model",
    )  # fmt: skip
    _data(parser)
    parser.add_argument(
        "--stats", metavar="FILE[,FILE…]", action="append", default=[], help="ranges that calibrate wrote"
    )
    parser.add_argument(
        "--supported-ops", metavar="OPS[,OPS…]", action="append", default=[], type=_words(OPS, upper=True),
        help=f"kinds of operators that the target runs: {', '.join(OPS)}; without the first nothing stays float",
    )  # fmt: skip
    parser.add_argument(
        "--supported-types", metavar="TYPE[,TYPE…]", action="append", default=[], type=_words(TYPES, upper=False),
        help="float16: float16 constants instead of int8 weights",
    )  # fmt: skip
    for side in ("input", "output"):
        parser.add_argument(
            f"--inference-{side}-type", metavar="TYPE", default="float32", type=str.lower, choices=IO_TYPES,
            help=f"type of the model's {side}s, where they are quantized: {', '.join(IO_TYPES)}",
        )  # fmt: skip
    parser.add_argument(
        "--quantize-only", metavar="OP[,OP…]", action="append", default=[],
        help="quantize these ops alone: a kind (CONV_2D), a tensor's name, or a regular expression for names",
    )  # fmt: skip
    parser.add_argument("--skip", metavar="OP[,OP…]", action="append", default=[], help="leave these ops float")
    parser.add_argument("--disable-per-channel", action="store_true", help="one scale for each weight tensor")
    parser.add_argument(
        "--tf-compat", action="store_true", help="TensorFlow 2.21's numbers to the bit, quirks included"
    )
    parser.add_argument("-p", "--passes", metavar="PIPELINE", help="run these passes instead: 'a,b{x=1}'")
    parser.add_argument("--print-pipeline", action="store_true", help="print the passes and compile nothing")
    parser.add_argument("--verify", action="store_true", help="run input and output in LiteRT and compare")
    parser.add_argument("--report", metavar="FILE", help="write what each pass did, as .json or .html")
    parser.add_argument("--elide-constants", action="store_true", help="leave large constants out of .mlir text")
    parser.add_argument("--force", action="store_true", help="overwrite OUT")
    _common(parser)


def _data(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    parser.add_argument(
        "--representative-dataset", metavar="DATA", required=required,
        help=".npz with samples on the first axis, a folder of .npz with one each, or module:function",
    )  # fmt: skip
    parser.add_argument("--calibration-samples", metavar="N", type=_count, help="at most N samples")


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"'{text}' is no number of samples")
    return int(text)


def _part(text: str) -> tuple[int, int]:
    """`2/4` as (2, 4)."""
    index, slash, count = text.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
        raise argparse.ArgumentTypeError(f"'{text}' is no part such as 1/4")
    return int(index), int(count)


def add_calibrate(commands: Any) -> None:
    """`tflir calibrate`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "calibrate",
        help="record what activations range over",
        description="Runs representative data through MODEL and writes the ranges of its activations, for --stats.",
    )
    parser.add_argument("model", metavar="MODEL", help="float .tflite")
    parser.add_argument("-o", "--output", metavar="OUT", required=True, help=".json, or .tflite: MODEL with its ranges")
    _data(parser, required=True)
    parser.add_argument("--shard", metavar="I/N", type=_part, default=(1, 1), help="every N-th sample from the I-th on")
    parser.add_argument(
        "--tf-compat", action="store_true", help="run as TensorFlow's calibrator: variables go on, no delegate"
    )
    parser.add_argument("--force", action="store_true", help="overwrite OUT")
    _common(parser)


def add_inspect(commands: Any) -> None:
    """`tflir inspect`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "inspect",
        help="show what is in a model",
        description="Shows subgraphs, signatures, operators, tensors and where the bytes are.",
    )
    parser.add_argument("model", metavar="MODEL", help=".tflite, or .mlir text")
    parser.add_argument("--json", action="store_true", help="for machines")
    _common(parser)
