"""Keywords as settings, by the library's table of settings."""

from __future__ import annotations

import difflib
import os
from typing import Any, Mapping

from . import _softcell

#: What is no setting and is taken by all three functions.
OPTIONS = (
    "data", "out", "budget", "seed", "threads", "resume", "force", "callback", "progress", "set",
    "start_from", "preset", "config", "checkpoint_seconds", "ignore_memory", "tensorboard",
)


def text_of(value: Any) -> str:
    """A value as it is written in a settings file, without quotes."""
    if isinstance(value, (list, tuple)):
        return ",".join(text_of(member) for member in value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if type(value).__name__ in ("bool", "bool_"):
        return "true" if value else "false"
    return str(value)


def settings_of(stage: str, given: Mapping[str, Any], assigned: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Pairs of key and value. Names that mean one stage lie over those that mean both, ``set`` over all of them."""
    known = _softcell.keywords(stage)
    names = {name for name, _ in known}
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(name, sorted(names | set(OPTIONS)), 1, 0.5)
            nearest = f"; the nearest is {near[0]!r}" if near else ""
            raise TypeError(f"softcell.{stage}() has no keyword {name!r}{nearest}")
    pairs = [(key, text_of(given[name])) for name, keys in known if given.get(name) is not None for key in keys]
    return pairs + [(key, text_of(value)) for key, value in (assigned or {}).items()]

