"""The parser of a command line: each error is one line, which names what was meant by a misspelt word."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

USAGE = 2
_OTHER_NAMES = {
    "convert": "compile",
    "quantize": "compile",
    "optimize": "compile",
    "stats": "calibrate",
    "info": "inspect",
    "show": "inspect",
    "view": "inspect",
    "run": "benchmark",
    "time": "benchmark",
}
"""What other tools call the commands."""
_OTHER_FLAGS = {
    "quantize": "--mode",
    "quantization": "--mode",
    "type": "--mode",
    "int8": "--mode int8",
    "int16": "--mode int16x8",
    "float16": "--mode float16",
    "fp16": "--mode float16",
    "dynamic-range": "--mode dynamic-range",
    "out": "--output",
    "overwrite": "--force",
    "yes": "--force",
}
"""What other tools call the options."""
_PART = 4
"""A word of so many letters may be a part of the option that was meant."""


class _Once(argparse.Action):
    """Stores the value of a flag that may be given once: of two values, one would be ignored."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        if option_string is not None and self in parser.stored:
            raise argparse.ArgumentError(self, "is given twice: one value would be ignored")
        parser.stored.add(self)
        setattr(namespace, self.dest, values)


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, with the status of wrong usage."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **({"allow_abbrev": False} | named))
        self.stored: set[argparse.Action] = set()
        for action in (None, "store"):
            self.register("action", action, _Once)

    def parse_known_args(  # pyright: ignore[reportIncompatibleMethodOverride] -- argparse declares it as overloads
        self, args: Any = None, namespace: Any = None
    ) -> Any:
        """As in any parser, but the error about an unknown flag suggests a similar one."""
        self.stored.clear()
        words: list[str] = sys.argv[1:] if args is None else list(args)
        self._refuse_one_dash(words)
        if self._subparsers is not None:
            self._refuse_before_command(words)
        else:
            self._refuse_unknown(words)
        parsed = super().parse_known_args(words, namespace)
        unknown: list[str] = parsed[1]
        before = list(itertools.takewhile(lambda word: word != "--", unknown))
        flags = [argument for argument in before if argument.startswith("-")]
        if flags:
            flag = flags[0].partition("=")[0]
            self.error(f"unrecognized arguments: {' '.join(unknown)}{self._meant(flag)}")
        self._take_later(parsed[0], unknown)
        return parsed

    def _take_later(self, namespace: Any, words: list[str]) -> None:
        """Gives an argument for several words those behind an option too: argparse stops at the first option."""
        several = next((one for one in self._get_positional_actions() if one.nargs == argparse.ZERO_OR_MORE), None)
        if several is None or not words:
            return
        try:
            later = [self._get_value(several, word) for word in words if word != "--"]
        except argparse.ArgumentError as error:
            self.error(str(error))
        setattr(namespace, several.dest, [*getattr(namespace, several.dest), *later])
        words.clear()

    def _refuse_one_dash(self, words: Sequence[str]) -> None:
        """Ends with an error for a long option with one dash, which would be taken for a short one and its value."""
        for word in itertools.takewhile(lambda word: word != "--", words):
            flag = word.partition("=")[0]
            if len(flag) > 2 and flag not in self._option_string_actions and f"-{flag}" in self._option_string_actions:
                self.error(f"unrecognized arguments: {flag}; did you mean '-{flag}'?")

    def _refuse_unknown(self, words: Sequence[str]) -> None:
        """Ends with an error for the first long option that there is not, also where others that are required lack."""
        for word in itertools.takewhile(lambda word: word != "--", words):
            flag = word.partition("=")[0]
            if flag.startswith("--") and " " not in word and flag not in self._option_string_actions:
                self.error(f"unrecognized arguments: {word}{self._meant(flag)}")

    def _refuse_before_command(self, words: Sequence[str]) -> None:
        """Ends with an error for an option of a command that stands before it."""
        first = words[0].partition("=")[0] if words else ""
        own = self._option_string_actions
        if first.startswith("--") and any(known.startswith(first) for known in own if first not in own):
            self.error(f"unrecognized arguments: {first}{self._meant(first)}")
        if first.startswith("--") and first not in own:
            self.error(f"{first} stands before the command: write {self.prog} COMMAND {first}")

    def _meant(self, flag: str) -> str:
        """`; did you mean …?` with options that begin with the name, have it as a part, or else are similar."""
        from tflir.ir.near import near

        word = flag.strip("-").replace("_", "-").lower()
        other = _OTHER_FLAGS.get(word, "")
        if other and other.partition(" ")[0] in self._option_string_actions:
            return f"; did you mean '{other}'?"
        begun = [known for known in self._option_string_actions if word and known.startswith(f"--{word}")]
        holding = begun or [known for known in self._option_string_actions if len(word) >= _PART and word in known]
        if holding and len(holding) <= _PART:
            return f"; did you mean {' or '.join(repr(known) for known in holding)}?"
        return near(flag, self._option_string_actions)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """As in any parser, but the error about an unknown command suggests a similar one."""
        if action.choices is not None and value not in action.choices:
            known = [str(choice) for choice in action.choices]
            what = f"invalid choice: '{value}' is none of {', '.join(known)}{_meant_command(str(value), known)}"
            raise argparse.ArgumentError(action, what)

    def error(self, message: str) -> NoReturn:
        line = "".join(c if c.isprintable() else "?" for c in " ".join(message.split()))
        self.exit(USAGE, f"error: {line}: see {self.prog} --help\n")


def _meant_command(word: str, known: Iterable[str]) -> str:
    from tflir.ir.near import near

    known = tuple(known)
    if (other := _OTHER_NAMES.get(word.lower(), "")) in known:
        return f"; did you mean '{other}'?"
    if word.endswith((".tflite", ".mlir")) and "compile" in known:
        return f"; did you mean 'compile {word}' or 'inspect {word}'?"
    return near(word, known)
