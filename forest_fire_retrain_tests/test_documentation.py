"""The pages say what is so: every command, option and setting with its default, links that lead somewhere."""

import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from typer.main import get_command

from forest_fire_retrain.cli.app import app
from forest_fire_retrain.core.decision.thresholds import REFRESH_AGE_DAYS
from forest_fire_retrain.core.windows import Cadence
from forest_fire_retrain.places import PROJECT_ROOT
from forest_fire_retrain.settings import CONFIG_VARIABLE, PREFIX, Settings, load_settings

DOCS = PROJECT_ROOT / "docs"
COMMANDS, SETTINGS, SIMULATOR = DOCS / "commands.md", DOCS / "settings.md", DOCS / "simulator.md"
PAGES = [PROJECT_ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
PARK = f"{PREFIX}SIMULATOR__"
NO_DEFAULT = "none"
LONGEST_LINE = 120

SECTION = re.compile(r"^## forest-fire (?P<name>.+)\n(?P<text>(?:(?!^## ).*\n?)*)", re.MULTILINE)
ROW = re.compile(r"^\| `(?P<name>[^`]+)` \| (?P<default>[^|]*) \|", re.MULTILINE)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
VARIABLE = re.compile(rf"\b{PREFIX}\w*")
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (?P<title>.+)$", re.MULTILINE)
EXAMPLE = re.compile(r"^    forest-fire (?P<words>.+)$", re.MULTILINE)


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def named(page: Path) -> str:
    return page.relative_to(PROJECT_ROOT).as_posix()


def commands_of(group: Any, words: str = "") -> dict[str, Any]:
    """Every command that can be run, by the words that call it."""
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        is_group = hasattr(command, "commands")
        found |= commands_of(command, f"{words}{name} ") if is_group else {f"{words}{name}": command}
    return found


def parameters_of(command: Any) -> dict[str, Any]:
    """Options by their name, arguments by theirs in capitals."""
    return {
        parameter.opts[0] if parameter.param_type_name == "option" else str(parameter.name).upper(): parameter
        for parameter in command.params
    }


REAL_COMMANDS = commands_of(get_command(app))


def sections() -> dict[str, str]:
    return {match["name"]: match["text"] for match in SECTION.finditer(read(COMMANDS))}


def fields_of(model: type[BaseModel], prefix: str, made: BaseModel | None) -> Iterator[tuple[str, object]]:
    """Every setting below `model` with its value in `made`; a switch that is off has its fields' own defaults."""
    for name, field in model.model_fields.items():
        value = field.default if made is None else getattr(made, name)
        kinds = get_args(field.annotation) if isinstance(field.annotation, UnionType) else (field.annotation,)
        nested = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        for kind in nested:
            yield from fields_of(kind, f"{prefix}{name.upper()}__", value)
        if not nested:
            yield f"{prefix}{name.upper()}", None if value is PydanticUndefined else value


@pytest.fixture
def defaults(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Every setting with its default, the rule's at the default cadence; no setting of the person who runs this."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    settings = load_settings()
    at_cadence = settings.model_copy(update={"adjudication": settings.decision_rule})
    return {CONFIG_VARIABLE: None, **dict(fields_of(Settings, PREFIX, at_cadence))}


def spell(value: object) -> str:
    """A default as a variable takes it; paths as they lie in the checkout."""
    match value:
        case None:
            return NO_DEFAULT
        case Path():
            return value.relative_to(PROJECT_ROOT).as_posix()
        case float():
            return f"{value:g}"
        case tuple() | dict():
            return json.dumps(value)
        case _:
            return str(value)


def stated_defaults() -> list[tuple[str, str]]:
    """Every row of the two pages that list settings: the variable in full, and the default as it stands there."""
    rows = [(row["name"], row["default"]) for row in ROW.finditer(read(SETTINGS))]
    return rows + [(f"{PARK}{row['name']}", row["default"]) for row in ROW.finditer(read(SIMULATOR))]


def test_every_command_has_a_section_and_every_section_is_a_command() -> None:
    assert sorted(sections()) == sorted(REAL_COMMANDS)


@pytest.mark.parametrize("name", REAL_COMMANDS)
def test_the_table_of_a_command_has_every_option_and_no_other(name: str) -> None:
    rows = [row["name"] for row in ROW.finditer(sections().get(name, ""))]
    assert sorted(rows) == sorted(parameters_of(REAL_COMMANDS[name]))


@pytest.mark.parametrize("name", REAL_COMMANDS)
def test_the_table_of_a_command_says_what_is_required_and_what_holds_otherwise(name: str) -> None:
    parameters = parameters_of(REAL_COMMANDS[name])
    for row in ROW.finditer(sections()[name]):
        parameter, stated = parameters[row["name"]], row["default"]
        assert (stated == "required") == parameter.required, row["name"]
        if getattr(parameter, "is_flag", False):
            assert stated == "off", row["name"]
        elif parameter.default is not None and not parameter.required:
            assert stated == f"`{parameter.default}`", row["name"]


def test_no_option_is_named_that_no_command_has() -> None:
    whole = {option for parameter in get_command(app).params for option in parameter.opts}
    real = {"--help"} | whole | {option for command in REAL_COMMANDS.values() for option in parameters_of(command)}
    assert set(OPTION.findall(read(COMMANDS))) <= real


@pytest.mark.parametrize("words", [match["words"] for match in EXAMPLE.finditer(read(COMMANDS))])
def test_an_example_of_the_page_on_commands_is_understood(words: str) -> None:
    name = next(name for name in REAL_COMMANDS if f"{words} ".startswith(f"{name} "))
    context = REAL_COMMANDS[name].make_context(name, shlex.split(words.removeprefix(name)))
    assert context.params


def test_every_setting_is_listed_once_and_nothing_else_is(defaults: dict[str, object]) -> None:
    assert sorted(name for name, _ in stated_defaults()) == sorted(defaults)


def test_every_default_that_is_stated_is_the_real_one(defaults: dict[str, object]) -> None:
    real = {name: f"`{spell(value)}`" for name, value in defaults.items()}
    assert {name: stated for name, stated in stated_defaults() if name in real} == real


def test_the_age_of_a_refresh_is_stated_for_months_too() -> None:
    (line,) = (line for line in read(SETTINGS).splitlines() if "ADJUDICATION__REFRESH_AGE_DAYS`" in line)
    assert f"months the default is {REFRESH_AGE_DAYS[Cadence.MONTHLY]};" in line


def test_defaults_given_as_variables_change_nothing(
    defaults: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load_settings()
    switches = ("LABEL_DELAY__", "OUTAGE__", "CORRUPTION__")  # a switch without its start is refused
    for name, stated in stated_defaults():
        if defaults.get(name) is not None and not name.removeprefix(PARK).startswith(switches):
            monkeypatch.setenv(name, stated.strip("`"))
    monkeypatch.chdir(PROJECT_ROOT)
    after = load_settings()
    assert after.decision_rule == before.decision_rule
    assert after.model_copy(update={"adjudication": before.adjudication}) == before


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_page_names_no_setting_that_does_not_exist(page: Path, defaults: dict[str, object]) -> None:
    for name in VARIABLE.findall(read(page)):
        if name.endswith("_"):  # `FOREST_FIRE_SIMULATOR__…` stands for all of them
            assert any(real.startswith(name) for real in defaults), name
        else:
            assert name in defaults


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_no_line_of_prose_is_too_long(page: Path) -> None:
    long = [line for line in FENCED.sub("", read(page)).splitlines() if len(line) > LONGEST_LINE]
    assert not [line for line in long if not line.startswith("|") and "://" not in line]


def anchors_of(page: Path) -> set[str]:
    """What can stand behind `#`, as GitHub makes it of headings."""
    titles = [match["title"] for match in HEADING.finditer(FENCED.sub("", read(page)))]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_points_at_something(page: Path) -> None:
    targets = {match["target"] for match in LINK.finditer(FENCED.sub("", read(page)))}
    for target in {target for target in targets if "://" not in target}:
        path, _, anchor = target.partition("#")
        aim = page if not path else (page.parent / path).resolve()
        assert aim.exists(), target
        assert not anchor or anchor in anchors_of(aim), target


def test_what_the_pages_are_read_for_is_found_in_them(defaults: dict[str, object]) -> None:
    assert len(REAL_COMMANDS) > 10
    assert len(defaults) > 50
    assert len(PAGES) > 10
    assert EXAMPLE.search(read(COMMANDS))
    assert any("#" in match["target"] for page in PAGES for match in LINK.finditer(read(page)))
