"""The code version: changed by whatever can change a result, and by nothing else."""

import pytest

from forest_fire_retrain.adapters.runtime_environment import PACKAGE_ROOT, TRAINING_WINGS, read_sources
from forest_fire_retrain.core.models.code_version import fingerprint_code, reach
from forest_fire_retrain.defs.asset_code import CODE_OF_ASSET

SMALL = {
    "core/a.py": '"""Says something."""\nfrom forest_fire_retrain.core import b\n\ndef f(x):\n    return b.g(x) + 1\n',
    "core/b.py": "def g(x):\n    from forest_fire_retrain.core.c import LIMIT\n\n    return x * LIMIT\n",
    "core/c.py": "LIMIT = 3\n",
    "core/apart.py": "LIMIT = 4\n",
    "pipeline/wing/d.py": "import forest_fire_retrain.core.a\n",
    "pipeline/other/e.py": "from forest_fire_retrain.pipeline.wing.d import *\n",
}
EXPLAINING = {
    "pipeline/investigating/explaining.py": (
        "from forest_fire_retrain.core.models.training import fit\n"
        "from forest_fire_retrain.core.rows.features import compute_features\n"
        'WORD = "because"\n'
    )
}


def edited(path: str, old: str, new: str) -> dict[str, str]:
    assert old in SMALL[path]
    return {**SMALL, path: SMALL[path].replace(old, new)}


def versions_of_assets(sources: dict[str, str]) -> dict[str, str]:
    return {asset: fingerprint_code(sources, entrances) for asset, entrances in CODE_OF_ASSET.items()}


def changed_assets(path: str, old: str, new: str) -> set[str]:
    """Assets whose version an edit of the real package changes."""
    sources = read_sources(PACKAGE_ROOT)
    assert old in sources[path]
    before, after = versions_of_assets(sources), versions_of_assets({**sources, path: sources[path].replace(old, new)})
    return {asset for asset in before if before[asset] != after[asset]}


def test_what_a_wing_imports_counts_also_from_inside_functions() -> None:
    assert reach(SMALL, ["pipeline/wing"]) == {"pipeline/wing/d.py", "core/a.py", "core/b.py", "core/c.py"}
    assert reach(SMALL, ["core/c.py"]) == {"core/c.py"}


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("core/a.py", "+ 1", "+ 2"),
        ("core/b.py", "x * LIMIT", "LIMIT * x"),
        ("core/c.py", "3", "3.0"),
        ("core/c.py", "3", "'3'"),
        ("core/c.py", "LIMIT = 3", "LIMIT = OTHER = 3"),
        ("pipeline/wing/d.py", "core.a", "core.apart"),
    ],
)
def test_any_edit_of_what_is_reached_changes_the_version(path: str, old: str, new: str) -> None:
    assert fingerprint_code(edited(path, old, new), ["pipeline/wing"]) != fingerprint_code(SMALL, ["pipeline/wing"])


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("core/a.py", "Says something.", "Says something else."),
        ("core/a.py", "    return", '    """Adds one."""\n    return'),
        ("core/a.py", "    return b.g(x) + 1\n", "    # why\n\n    return (b.g(x)\n            + 1)\n"),
        ("core/c.py", "LIMIT = 3\n", 'LIMIT = 3\n"""The limit."""\n'),
        ("core/c.py", "\n", "\r\n"),
        ("core/apart.py", "4", "5"),
        ("pipeline/other/e.py", "*", "f"),
    ],
)
def test_comments_docstrings_layout_and_what_is_not_reached_change_nothing(path: str, old: str, new: str) -> None:
    assert fingerprint_code(edited(path, old, new), ["pipeline/wing"]) == fingerprint_code(SMALL, ["pipeline/wing"])


def test_a_module_that_moves_changes_the_version() -> None:
    moved = {path: text for path, text in SMALL.items() if path != "core/c.py"} | {"core/z.py": SMALL["core/c.py"]}
    assert fingerprint_code(moved, ["core/z.py"]) != fingerprint_code(SMALL, ["core/c.py"])


def test_an_entrance_that_is_nowhere_is_an_error() -> None:
    with pytest.raises(KeyError, match="pipeline/nowhere"):
        fingerprint_code(SMALL, ["pipeline/nowhere"])


def test_a_word_of_code_that_explains_changes_no_training_asset() -> None:
    sources = {**read_sources(PACKAGE_ROOT), **EXPLAINING}
    reworded = {path: text.replace("because", "since") for path, text in sources.items() if path in EXPLAINING}
    assert versions_of_assets(sources) == versions_of_assets({**sources, **reworded})
    assert fingerprint_code(sources, TRAINING_WINGS) == fingerprint_code(read_sources(PACKAGE_ROOT), TRAINING_WINGS)


def test_an_edit_changes_the_assets_that_it_can_change_and_no_other() -> None:
    everything = set(CODE_OF_ASSET)
    decided = {"candidate_model", "adjudication_decision"}
    assert changed_assets("core/rows/fire_weather.py", "147.2", "147.3") >= {"features", "candidate_model"}
    assert changed_assets("core/models/training.py", "Parameter(75,", "Parameter(80,") == decided
    assert changed_assets("adapters/folder_source.py", "dt.date(1970", "dt.date(1971") == {"weather", "fire_reports"}
    assert changed_assets("pipeline/custody/verifying.py", "was closed", "was ended") == {
        "registry_state",
        "provenance",
    }
    assert changed_assets("core/errors.py", "MAX_LISTED = 20", "MAX_LISTED = 21") == everything
