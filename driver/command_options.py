"""The options for how a command runs; those for what it produces are in `settings.Settings`."""

from __future__ import annotations

from tflir.option import (
    Group,
    Option,
    duration,
    each,
    number,
    one_of,
    part,
    path,
    path_or_object,
    scheduler,
    text,
    whole,
)
from tflir.search.bound import bound

_SHARED = ("compile", "calibrate", "search", "compare", "batch")
"""Commands whose work can be shared among workers."""
_DATA = ("representative_dataset", "test_data")

COMMANDS: tuple[Option, ...] = (
    Option(
        "--print-pipeline", "print the passes and compile nothing", name="print_pipeline",
        excludes=("output", "verify", "report", "elide_constants", "force", "json"), group=Group.PASSES,
    ),
    Option(
        "--output", ".mlir: text, else a .tflite, also - (default: MODEL.opt.tflite)", "OUT", path, short="-o",
        name="output",
    ),
    Option(
        "--output", ".json (also -), or .tflite: MODEL with its ranges", "OUT", path, short="-o", name="output",
        commands=("calibrate",), required=("calibrate",),
    ),
    Option(
        "--output", ".tflite, or -", "OUT", path, short="-o", name="output", commands=("search",), required=("search",)
    ),
    Option(
        "--validation-dataset", "data to measure on, in the forms of --representative-dataset, every second sample of "
        "which is kept for the last check (default: a part of that); an array 'labels' in an .npz is for accuracy",
        "DATA", path_or_object, name="validation_dataset", commands=("search",), group=Group.DATA,
    ),
    Option(
        "--bound", "what must hold on data that neither calibration nor search saw: 'snr>=30' (dB at the logits), or "
        "'accuracy-drop<=0.5%' (points of 100)",
        "BOUND", bound, name="bound", commands=("search",), required=("search",), group=Group.SEARCH,
    ),
    Option(
        "--minimize", "size (default), or latency by the cost model of the default delegate", "GOAL",
        one_of(("size", "latency")), name="minimize", commands=("search",), group=Group.SEARCH,
    ),
    Option(
        "--margin", "by how much the data of the search must exceed the bound, in dB or points of 100 (default: the "
        "standard error over its samples)",
        "M", number, name="margin", commands=("search",), group=Group.SEARCH,
    ),
    Option(
        "--sparse-weights", "auto (default): leave the zeros of weights out where that takes fewer bytes, or with "
        "--minimize latency is faster by the cost model; off: store them",
        "off|auto", one_of(("off", "auto")), name="sparse_weights", commands=("search",), group=Group.SEARCH,
    ),
    Option(
        "--accuracy", "a function that takes the outputs of all samples, a list of arrays for each, and returns the "
        "accuracy from 0 to 1 (default: by the labels)",
        "MODULE:FUNCTION", text, name="accuracy", commands=("search",), group=Group.DATA,
    ),
    Option(
        "--rules-out", "write which form each layer got, as rules for --recipe", "FILE", path, name="rules_out",
        commands=("compile", "search"),
    ),
    Option(
        "--moments-out", "also write the second moments of what layers read, for --moments of compile", "FILE", path,
        name="moments_out", commands=("calibrate",),
    ),
    Option(
        "--trace", "write every evaluation, as JSON", "FILE", path, name="trace", commands=("search",)
    ),
    Option(
        "--inputs", "data to run both models on, in the forms of --representative-dataset (default: 3 random inputs)",
        "DATA", path_or_object, short="--test-data", name="inputs", commands=("compare",),
        group=Group.DATA,
    ),
    Option(
        "--test-data", "data to verify on instead of the representative data, in the same forms", "DATA",
        path_or_object, name="test_data", needs=("verify", "report"), commands=("compile", "batch"), group=Group.DATA,
    ),
    Option(
        "--labels", "the array of the .npz that says which element of the first output is to be the largest, for the "
        "accuracy of both models (default: labels)",
        "KEY", text, name="labels", needs=("verify",), commands=("compile", "compare", "batch"), group=Group.DATA,
    ),
    Option(
        "--min-snr", "exit with status 1 where an output's signal-to-noise ratio is below DB", "DB", number,
        name="min_snr", needs=("verify",), commands=("compile", "compare", "batch"), group=Group.LIMITS,
    ),
    Option(
        "--max-accuracy-drop", "exit with status 1 where accuracy drops by more than PCT points of 100", "PCT", number,
        name="max_accuracy_drop", needs=("verify",), commands=("compile", "compare", "batch"), group=Group.LIMITS,
    ),
    Option(
        "--json", "for machines", name="json", excludes=("verbose",),
        commands=("compile", "calibrate", "search", "inspect", "check", "compare", "benchmark", "batch"),
    ),
    Option(
        "--out", "the folder to write to; what is in it from an interrupted run is not made again", "DIR", path,
        name="out", commands=("batch",), required=("batch",),
    ),
    Option(
        "--html", "write the graph as a page of one file: unfold, search, colour, look into each tensor", "FILE", path,
        name="html", excludes=("json", "verbose"), commands=("inspect",),
    ),
    Option(
        "--html", "write both graphs side by side as a page of one file, matched and coloured by signal to noise, with "
        "the table of layers",
        "FILE", path, name="html", commands=("compare",),
    ),
    Option(
        "--node-data", "write signal to noise for each node of OTHER, as .json that Model Explorer loads "
        "as node data",
        "FILE", path, name="node_data", commands=("compare",),
    ),
    Option(
        "--target", "what the model is to run on: xnnpack (default), litert, tflm, ethos-u, or one of a plug-in",
        "NAME[,NAME…]", each(text), many=True, name="targets", commands=("check",), group=Group.CHECK,
    ),
    Option(
        "--strict", "exit with status 1 where an op is not taken", name="strict", commands=("check",),
        group=Group.CHECK,
    ),
    Option(
        "--threads", "run on N threads (default: 1)", "N", whole, name="threads", commands=("benchmark",),
        group=Group.RUN,
    ),
    Option(
        "--seconds", "run each model for so long (default: 2)", "S", duration, name="seconds", commands=("benchmark",),
        group=Group.RUN,
    ),
    Option(
        "--no-delegate", "time the runtime's own kernels too, without the default delegate", name="no_delegate",
        commands=("benchmark",), group=Group.RUN,
    ),
    Option("--profile", "time each op too", name="profile", commands=("benchmark",), group=Group.RUN),
    Option(
        "--signature", "run the signature KEY (default: the first)", "KEY", text, name="signature",
        commands=("benchmark",), group=Group.RUN,
    ),
    Option(
        "--jobs", "share the work among N processes; the result has the same bytes", "N", whole, name="jobs",
        needs=_DATA, excludes=("scheduler",), commands=_SHARED, group=Group.WORKERS,
    ),
    Option(
        "--scheduler", "share it among the workers of a Dask cluster: tcp://HOST:PORT, a scheduler file, or local:N, N "
        "workers of this machine (default: one for each core); pip install 'tflir[distributed]'",
        "ADDRESS", scheduler, name="scheduler", needs=_DATA, commands=_SHARED,
        group=Group.WORKERS,
    ),
    Option(
        "--work", "keep results in this folder, from which an interrupted run goes on", "DIR", path, name="work",
        needs=_DATA, commands=("compile", "calibrate", "search"), group=Group.WORKERS,
    ),
    Option(
        "--time-limit", "end a worker that takes longer for one shard", "S", duration, name="time_limit",
        needs=("jobs", "scheduler", "work"), commands=_SHARED, group=Group.WORKERS,
    ),
    Option(
        "--memory-limit", "end a worker that takes more megabytes of memory", "MB", whole, name="memory_limit",
        needs=("jobs", "scheduler", "work"), commands=_SHARED, group=Group.WORKERS,
    ),
    Option(
        "--dry-run", "say the mode, the passes and what would be written; write nothing", name="dry_run",
        excludes=("print_pipeline", "quiet"),
    ),
    Option(
        "--verify", "run input and output in LiteRT; compare outputs and latency", name="verify",
        commands=("compile", "batch"),
    ),
    Option(
        "--report", "write what changed, where accuracy went and what to do next, as .json (also -) or .html", "FILE",
        path, name="report", commands=("compile", "search"),
    ),
    Option("--elide-constants", "leave large constants out of .mlir text", name="elide_constants"),
    Option(
        "--shard", "every N-th sample from the I-th on", "I/N", part, name="shard", commands=("calibrate",),
        excludes=("jobs", "scheduler", "work"),
        group=Group.DATA,
    ),
    Option(
        "--force", "overwrite OUT", name="force",
        commands=("compile", "calibrate", "search", "inspect", "compare", "batch"),
    ),
    Option(
        "--verbose", "say what each pass did, or show every tensor", short="-v", name="verbose", excludes=("quiet",),
        commands=("compile", "inspect", "compare"),
    ),
    Option(
        "--quiet", "print errors only", short="-q", name="quiet", commands=("compile", "calibrate", "search", "batch"),
    ),
    Option(
        "--debug", "show tracebacks", name="debug",
        commands=("compile", "calibrate", "search", "inspect", "benchmark", "check", "compare", "batch"),
    ),
)  # fmt: skip
