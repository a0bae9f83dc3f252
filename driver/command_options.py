"""The options for how a command runs; those for what it produces are in `settings.Settings`."""

from __future__ import annotations

from tflir.option import Option, duration, each, part, path, text, whole

COMMANDS: tuple[Option, ...] = (
    Option(
        "--print-pipeline", "print the passes and compile nothing", name="print_pipeline",
        excludes=("output", "verify", "report", "elide_constants", "force"),
    ),
    Option(
        "--output", ".mlir: text, else a .tflite (default: MODEL.opt.tflite)", "OUT", path, short="-o", name="output"
    ),
    Option(
        "--output", ".json, or .tflite: MODEL with its ranges", "OUT", path, short="-o", name="output",
        commands=("calibrate",), required=("calibrate",),
    ),
    Option("--json", "for machines", name="json", excludes=("verbose",), commands=("inspect", "benchmark", "check")),
    Option(
        "--target", "what the model is to run on: xnnpack (default), litert, tflm, ethos-u, or one of a plug-in",
        "NAME[,NAME…]", each(text), many=True, name="targets", commands=("check",),
    ),
    Option("--strict", "exit with status 1 where an op is not taken", name="strict", commands=("check",)),
    Option(
        "--threads", "run on N threads (default: 1)", "N", whole, name="threads", commands=("benchmark",)
    ),
    Option(
        "--seconds", "run each model for so long (default: 2)", "S", duration, name="seconds", commands=("benchmark",)
    ),
    Option(
        "--no-delegate", "time the runtime's own kernels too, without the default delegate", name="no_delegate",
        commands=("benchmark",),
    ),
    Option("--profile", "time each op too", name="profile", commands=("benchmark",)),
    Option(
        "--signature", "run the signature KEY (default: the first)", "KEY", text, name="signature",
        commands=("benchmark",),
    ),
    Option("--verify", "run input and output in LiteRT; compare outputs and latency", name="verify"),
    Option("--report", "write what each pass did, as .json or .html", "FILE", path, name="report"),
    Option("--elide-constants", "leave large constants out of .mlir text", name="elide_constants"),
    Option(
        "--shard", "every N-th sample from the I-th on", "I/N", part, name="shard", commands=("calibrate",)
    ),
    Option("--force", "overwrite OUT", name="force", commands=("compile", "calibrate")),
    Option(
        "--verbose", "say what each pass did, or show every tensor", short="-v", name="verbose", excludes=("quiet",),
        commands=("compile", "inspect"),
    ),
    Option("--quiet", "print errors only", short="-q", name="quiet", commands=("compile", "calibrate")),
    Option(
        "--debug", "show tracebacks", name="debug",
        commands=("compile", "calibrate", "inspect", "benchmark", "check"),
    ),
)  # fmt: skip
