"""What the help says of each command: what it does, examples that can be copied, and the exit statuses."""

from __future__ import annotations

from dataclasses import dataclass

STATUSES: dict[int, str] = {
    0: "done",
    1: "the model or the data can't be compiled, or a demand on them isn't met",
    2: "wrong usage",
    3: "a demanded type or op set can't be met",
    130: "interrupted (Ctrl-C)",
    143: "ended (SIGTERM)",
}
"""The exit statuses of all commands."""

SHELLS = ("bash", "zsh", "fish")
INSTALL_COMPLETION = """\
examples:
  # bash
  tflir completion bash > ~/.local/share/bash-completion/completions/tflir
  # zsh, with a folder of $fpath
  tflir completion zsh > ~/.zfunc/_tflir
  # fish
  tflir completion fish > ~/.config/fish/completions/tflir.fish"""
"""Where each shell looks for what `tflir completion` prints."""


@dataclass(frozen=True)
class Command:
    """The help of a command."""

    brief: str
    description: str
    model: str
    """The kinds of file that its MODEL may be."""
    others: str = ""
    """The help of further models; '' if the command accepts only one."""
    second: str = ""
    """The help of a second model; '' if the command has none."""
    examples: tuple[str, ...] = ()
    """Commands of 78 columns at most, each after a comment that says what it does."""

    @property
    def epilog(self) -> str:
        """Examples and exit statuses; lines that begin with two blanks are to stay as they are."""
        return "\n".join(["examples:", *(f"  {line}" for line in self.examples), "", statuses()])


def statuses() -> str:
    """The exit statuses, one a line."""
    return "\n".join(["exit status:", *(f"  {status:<4} {what}" for status, what in STATUSES.items())])


COMMANDS: dict[str, Command] = {
    "compile": Command(
        "compile a model",
        "Compiles MODEL. Without --mode or --optimize nothing is quantized or made sparse.",
        ".tflite, or .mlir text",
        examples=(
            "# int8 weights; how close the outputs are, and how fast",
            "tflir compile m.tflite --mode dynamic-range --verify",
            "# int8 weights and activations, from samples of inputs",
            "tflir compile m.tflite --mode int8 --representative-dataset data.npz",
            "# float16 weights, and a report of what each pass did",
            "tflir compile m.tflite --mode float16 --report r.html -o half.tflite",
            "# what would be done, without doing it",
            "tflir compile m.tflite --mode int8 --stats s.json --dry-run",
            "# to text and back, to read or edit",
            "tflir compile m.tflite -o m.mlir",
        ),
    ),
    "batch": Command(
        "compile many models",
        "Compiles each MODEL with the same options, and goes on where one can't be compiled: a table says what came "
        "of each. Run again, it makes only what is not there already.",
        ".tflite, or .mlir text; of a folder, all .tflite in it",
        others="more models",
        examples=(
            "# all models of a folder, two at a time",
            "tflir batch models --mode dynamic-range --out small --jobs 2",
            "# how close each is to its original, for machines",
            "tflir batch a.tflite b.tflite --mode float16 --out half --verify --json",
        ),
    ),
    "calibrate": Command(
        "record what activations range over",
        "Runs representative data through MODEL and writes the ranges of its activations, for --stats.",
        "float .tflite",
        examples=(
            "# ranges of all samples",
            "tflir calibrate m.tflite --representative-dataset d.npz -o s.json",
            "# a quarter of them, to be merged by compile --stats",
            "tflir calibrate m.tflite --representative-dataset d.npz --shard 1/4 -o 1.json",
            "# the model with its ranges, from a folder of images",
            "tflir calibrate m.tflite --representative-dataset images -o ranged.tflite",
        ),
    ),
    "search": Command(
        "find the smallest or fastest model within a bound",
        "Chooses 16, 8, 4 or 2 bits for the weights of each layer of MODEL, so that the bound holds on data that was "
        "held out. Activations stay float.",
        "float .tflite",
        examples=(
            "# the smallest model with 30 dB at the logits",
            "tflir search m.tflite --representative-dataset d --bound 'snr>=30' -o o.tflite",
        ),
    ),
    "inspect": Command(
        "show what is in a model",
        "Shows subgraphs, signatures, operators, tensors and where the bytes are.",
        ".tflite, or .mlir text",
        examples=(
            "# an overview",
            "tflir inspect m.tflite",
            "# every tensor",
            "tflir inspect m.tflite -v",
            "# for machines",
            "tflir inspect m.tflite --json",
        ),
    ),
    "check": Command(
        "show which ops a target takes",
        "Shows which ops of MODEL a target's kernels take, why not the others, and which pass fixes them.",
        ".tflite, or .mlir text",
        examples=(
            "# the default delegate of LiteRT",
            "tflir check m.tflite",
            "# two targets; status 1 if one leaves an op",
            "tflir check m.tflite --target xnnpack,tflm --strict",
            "# for machines",
            "tflir check m.tflite --target ethos-u --json",
        ),
    ),
    "compare": Command(
        "show what differs between two models",
        "Shows what OTHER has otherwise than MODEL: operators, tensors, signatures, metadata; and, layer by layer, how "
        "far its values are from those of MODEL on the same inputs.",
        ".tflite, or .mlir text",
        second="the model beside it, such as a compiled form of MODEL",
        examples=(
            "# structure, and signal to noise of layers on random inputs",
            "tflir compare m.tflite m.opt.tflite",
            "# both graphs side by side, as a page",
            "tflir compare m.tflite m.opt.tflite --html c.html",
            "# on data with labels; status 1 below 30 dB",
            "tflir compare m.tflite m.opt.tflite --inputs test.npz --min-snr 30",
            "# for machines",
            "tflir compare m.tflite m.opt.tflite --json",
        ),
    ),
    "benchmark": Command(
        "measure the latency of models",
        "Runs models in LiteRT, in turns and each in a process of its own, and shows their latency side by side.",
        ".tflite, or .mlir text",
        others="models to show beside it",
        examples=(
            "# two models side by side",
            "tflir benchmark m.tflite m.opt.tflite",
            "# each op, with two threads",
            "tflir benchmark m.tflite --profile --threads 2",
            "# for machines",
            "tflir benchmark m.tflite --seconds 1 --json",
        ),
    ),
}
"""The commands of `tflir` that take a model; each is a module of this package."""
