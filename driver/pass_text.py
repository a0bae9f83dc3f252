"""A pass with its options in the `-p` syntax."""

from __future__ import annotations


def pass_text(name: str, **options: bool | int | str | tuple[str, ...]) -> str:
    """A pass with its options: `name{a=true b=64 c="x","y"}`."""
    words = [f"{key.replace('_', '-')}={_value(value)}" for key, value in options.items()]
    return f"{name}{{{' '.join(words)}}}" if words else name


def _value(value: bool | int | str | tuple[str, ...]) -> str:
    if isinstance(value, tuple):
        return ",".join('"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"' for item in value)
    return str(value).lower()
