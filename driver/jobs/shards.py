"""Files of results: each is named by what it depends on, appears whole or not at all, and is checked when it is read.

A file is a line of JSON, which says what it is the result of and has a hash of the rest, and the result after it.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO, cast

from tflir.backends.files import made_folder, whole_file
from tflir.ir.errors import Error
from tflir.jobs.plan import title_of

_FORMAT, _VERSION = "tflir result", 1
_ENDING = ".result"
_DIGITS, _LONG = 16, 32
"""Of hashes, in the names of results and of other files."""
_LONGEST_HEAD = 1 << 16


@dataclass(frozen=True)
class Key:
    """What a result depends on."""

    kind: str
    """What was computed: `ranges`, `moments`."""
    shard: int
    """From 1."""
    of: int
    """How many shards there are; 0 if that was not known when it was computed."""
    model: str
    """The fingerprint of the model."""
    data: str
    """The fingerprint of the data."""
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """All else, as numbers, texts and lists."""

    @property
    def title(self) -> str:
        return title_of(self.shard, self.of)

    @property
    def file(self) -> str:
        """The name of its file."""
        context = json.dumps([self.model, self.data, self.settings], sort_keys=True)
        digest = hashlib.sha256(context.encode("utf-8", "backslashreplace")).hexdigest()[:_DIGITS]
        return f"{self.kind}-{digest}-{self.shard:05d}-of-{self.of or 'unknown'}{_ENDING}"


class Results:
    """The results in a folder, which is made if it does not exist. Raises `Error` if it can't be written."""

    def __init__(self, folder: str) -> None:
        self.folder = made_folder(folder)

    def get(self, key: Key) -> bytes | None:
        """The result, or None if there is none; a file that is damaged counts as none, with a warning."""
        path = self.folder / key.file
        try:
            return _content(path, key)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            said = getattr(error, "strerror", None) or str(error)
            warnings.warn(f"{path}: {key.title} is damaged ({said}): it is computed again", RuntimeWarning, 2)
            return None

    def open(self, key: Key) -> BinaryIO:
        """The file of a result that there is, at the result's first byte. The caller closes it."""
        file = (self.folder / key.file).open("rb")
        file.readline(_LONGEST_HEAD)
        return file

    def put(self, key: Key, result: bytes) -> None:
        """Keeps a result. Raises `Error` if there is another one already."""
        path = self.folder / key.file
        try:
            held = _content(path, key)
        except (OSError, ValueError, RecursionError):
            held = None
        if held == result:
            return
        if held is not None:
            what = f"{key.title} was computed twice, with different results"
            hint = "machines of one kind give the same; or the data changed: remove the file, or give another --work"
            raise Error(what, file=str(path), hint=hint)
        head = {"format": _FORMAT, "version": _VERSION, **asdict(key), "sha256": hashlib.sha256(result).hexdigest()}
        with whole_file(path) as out:
            out.write(json.dumps(head).encode() + b"\n")
            out.write(result)

    def holding(self, content: bytes, kind: str, ending: str) -> str:
        """The path from the root of a file in the folder that holds `content`, which its name depends on.

        Raises `Error` if it can't be written.
        """
        path = self.folder / f"{kind}-{hashlib.sha256(content).hexdigest()[:_LONG]}{ending}"
        if not path.exists():
            with whole_file(path) as out:
                out.write(content)
        return str(path.resolve())


def _content(path: pathlib.Path, key: Key) -> bytes:
    """The result in a file. Raises `ValueError` that says what is wrong with it."""
    with path.open("rb") as file:
        head: object = json.loads(file.readline(_LONGEST_HEAD))
        result = file.read()
    if not isinstance(head, dict):
        raise ValueError("it has no head")
    said = cast("dict[str, Any]", head)
    if (said.get("format"), said.get("version")) != (_FORMAT, _VERSION):
        raise ValueError("it is of another version")
    if said.get("sha256") != hashlib.sha256(result).hexdigest():
        raise ValueError("its content is not what was written")
    if {name: said.get(name) for name in asdict(key)} != json.loads(json.dumps(asdict(key))):
        raise ValueError("it is of another run")
    return result
