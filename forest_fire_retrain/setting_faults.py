"""What is wrong with a setting, in words: its name or the nearest ones, and its value unless it is secret."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import get_args

from pydantic import BaseModel, SecretStr
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError

from forest_fire_retrain.core.redaction import is_secret_name

PREFIX = "FOREST_FIRE_"
CONFIG_VARIABLE = "FOREST_FIRE_CONFIG"
MAX_NEAREST = 3


def describe_unknown(variable: str, model: type[BaseModel]) -> str:
    """That a variable names no setting of `model`, and which ones it is spelled most like."""
    known = sorted({*_names_of(model, PREFIX), CONFIG_VARIABLE})
    near = get_close_matches(variable.upper(), known, MAX_NEAREST)
    return f"{variable}: no such setting" + (f", nearest: {', '.join(near)}" if near else "")


CHANNELS = "notify"
"""The settings of who is told: in any of them a password may stand, also at the wrong place."""


def describe_fault(fault: ErrorDetails, model: type[BaseModel]) -> str:
    """What is wrong with a setting; its value is shown unless it is secret, or nobody knows what it is for."""
    location = [str(part) for part in fault["loc"]]
    name = f"{PREFIX}{'__'.join(location)}".upper() if location else "settings"
    if fault["type"] == "extra_forbidden":
        return describe_unknown(name, model)
    named = is_secret_name(name) or any(part.lower() in _secret_fields(model) for part in location)
    is_secret = named or location[:1] == [CHANNELS]
    shown = "" if not location else " (its value is not shown)" if is_secret else f" (observed: {fault['input']!r})"
    return f"{name}: {fault['msg'].removeprefix('Value error, ')}{shown}"


def describe_unreadable(error: SettingsError) -> str:
    """That the value of a list or table is no JSON; the field is named by pydantic-settings."""
    named = re.search(r'field "(\w+)"', str(error))
    name = f"{PREFIX}{named[1]}".upper() if named else "settings"
    return f'{name}: its value cannot be read; lists and tables are written as JSON, for instance ["logistic"]'


def nearest_file(path: Path) -> str:
    """The file beside `path` whose name is spelled most like it, as the end of a sentence; empty if none is."""
    beside = [other.name for other in path.parent.iterdir() if other.is_file()] if path.parent.is_dir() else []
    near = get_close_matches(path.name, beside, 1)
    return f", nearest: {path.with_name(near[0])}" if near else ""


def _names_of(model: type[BaseModel], prefix: str) -> Iterator[str]:
    """Every variable that `model` and the models nested in it can be set with."""
    for name, field in model.model_fields.items():
        kinds = [field.annotation, *get_args(field.annotation)]
        yield f"{prefix}{name}".upper()
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _names_of(kind, f"{prefix}{name}__".upper())


def _secret_fields(model: type[BaseModel]) -> set[str]:
    return {
        name
        for name, field in model.model_fields.items()
        if SecretStr in (field.annotation, *get_args(field.annotation))
    }
