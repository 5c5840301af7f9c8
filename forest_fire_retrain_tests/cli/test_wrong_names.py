"""A mistyped home, model or setting is an error that names the nearest; days and texts that cannot be are refused."""

import json
from pathlib import Path

import pytest

from forest_fire_retrain import investigate
from forest_fire_retrain.core.errors import HomeError
from forest_fire_retrain.homes import describe_new_home, is_home, nearest_place
from forest_fire_retrain.settings import load_settings
from forest_fire_retrain_tests.cli.conftest import Run

NEED_A_HOME = {
    "status": ("status",),
    "history": ("history",),
    "retrainings": ("history", "--retrainings"),
    "champion": ("champion", "--json"),
    "skill": ("skill",),
    "verify": ("verify",),
    "predictions": ("predictions",),
    "predict": ("predict",),
    "reproduce": ("reproduce", "2025-07-07"),
    "explain": ("explain", "--partition", "2025-07-07"),
    "freeze": ("freeze", "--until", "2027-01-04", "--reason", "x"),
    "rollback": ("rollback", "--reason", "x"),
    "accept-source": ("accept-source", "--reason", "x"),
    "witness": ("witness",),
    "backup": ("ledger", "backup", "copy.duckdb"),
    "export": ("ledger", "export"),
}


@pytest.mark.parametrize("words", NEED_A_HOME.values(), ids=NEED_A_HOME.keys())
def test_a_mistyped_home_is_named_with_the_nearest_and_nothing_is_made(
    home: Path, forest_fire: Run, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "export").mkdir(parents=True)
    mistyped = home.with_name("hoem")
    monkeypatch.setenv("FOREST_FIRE_HOME", str(mistyped))
    answer = forest_fire(*words)
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.startswith(f"forest-fire: there is no home at {mistyped} (FOREST_FIRE_HOME)")
    assert f"Nearest: {home}." in answer.err
    assert not mistyped.exists()


def test_an_empty_folder_is_no_home(home: Path, forest_fire: Run) -> None:
    home.mkdir()
    assert "there is no home at" in forest_fire("verify").err
    assert list(home.iterdir()) == []


def test_a_home_in_which_nothing_was_decided_is_not_called_sound(small_park: Path, forest_fire: Run) -> None:
    answer = forest_fire("verify")
    assert (answer.code, "No fault" in answer.out) == (2, False)
    assert f"there is nothing to verify in {small_park}" in answer.err


def test_the_nearest_place_is_a_home_before_any_other_folder(tmp_path: Path) -> None:
    for name in ("parks", "park_b", "other"):
        (tmp_path / name).mkdir()
    assert nearest_place(tmp_path / "park_c" / "home") == tmp_path / "park_b"
    (tmp_path / "parks" / "lake").mkdir()
    assert is_home(tmp_path / "parks")
    assert nearest_place(tmp_path / "park_c") == tmp_path / "parks"
    assert nearest_place(tmp_path / "zzzzzz") is None


def test_who_begins_a_home_is_told_so_and_of_one_beside_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "records").mkdir(parents=True)
    assert describe_new_home(load_settings()) is None
    monkeypatch.setenv("FOREST_FIRE_HOME", str(home.with_name("hoem")))
    said = describe_new_home(load_settings())
    assert said == f"A new home is made at {home.with_name('hoem')}. There is another one at {home}."


def test_a_notebook_is_told_of_a_mistyped_home_too(home: Path) -> None:
    with pytest.raises(HomeError, match="there is no home at"):
        investigate.history()
    assert not home.exists()


@pytest.mark.parametrize(
    ("variable", "near"),
    [
        ("FOREST_FIRE_HOEM", "nearest: FOREST_FIRE_HOME"),
        ("FOREST_FIRE_SIMULATOR__SEEED", "nearest: FOREST_FIRE_SIMULATOR__SEED"),
        ("FOREST_FIRE_ADJUDICATION__MIN_FIERS", "nearest: FOREST_FIRE_ADJUDICATION__MIN_FIRES"),
    ],
)
def test_a_mistyped_setting_is_named_with_the_nearest(
    home: Path, forest_fire: Run, monkeypatch: pytest.MonkeyPatch, variable: str, near: str
) -> None:
    monkeypatch.setenv(variable, "secret-or-not")
    answer = forest_fire("status")
    assert (answer.code, home.exists()) == (2, False)
    assert f"{variable}: no such setting, {near}" in answer.err
    assert "secret-or-not" not in answer.err


def test_a_mistyped_key_or_file_of_settings_is_named_with_the_nearest(
    tmp_path: Path, home: Path, forest_fire: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "park.toml"
    config.write_text('mlflow_tracking_url = "http://u:s3cr3t@h"\n[simulator]\nn_cels = 4\n')
    monkeypatch.setenv("FOREST_FIRE_CONFIG", str(tmp_path / "prak.toml"))
    assert f"prak.toml is not a file, nearest: {config}" in forest_fire("status").err
    monkeypatch.setenv("FOREST_FIRE_CONFIG", str(config))
    said = forest_fire("status").err
    assert "FOREST_FIRE_MLFLOW_TRACKING_URL: no such setting, nearest: FOREST_FIRE_MLFLOW_TRACKING_URI" in said
    assert "FOREST_FIRE_SIMULATOR__N_CELS: no such setting, nearest: FOREST_FIRE_SIMULATOR__N_CELLS" in said
    assert "s3cr3t" not in said
    config.write_bytes(b'model_name = "\xff"\n')
    assert f"FOREST_FIRE_CONFIG: {config} cannot be read: 'utf-8' codec" in forest_fire("status").err
    assert not home.exists()


def test_a_list_that_is_none_is_said_to_be_of_the_setting_it_is_of(
    forest_fire: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOREST_FIRE_RECIPE_NAMES", "logistic")
    assert "FOREST_FIRE_RECIPE_NAMES: its value cannot be read" in forest_fire("status").err
    assert not home.exists()


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "soon", "2026-02-30", "20260101x"])
@pytest.mark.parametrize(
    "words",
    [
        ("clear-labels", "--from", "2025-01-01", "--reason", "x", "--to"),
        ("freeze", "--reason", "x", "--until"),
        ("rollback", "--reason", "x", "--freeze-until"),
        ("predict", "--date"),
        ("predictions", "--from", "2025-01-01", "--to"),
        ("predictions", "--date"),
        ("retrain", "--partition"),
        ("champion", "--at"),
        ("explain", "--cell", "a", "--date"),
        ("explain", "--partition"),
        ("reproduce",),
        ("backfill", "--from", "2025-07-07", "--to"),
    ],
    ids="-".join,
)
def test_a_day_that_nobody_means_is_one_message(
    small_park: Path, forest_fire: Run, words: tuple[str, ...], day: str
) -> None:
    answer = forest_fire(*words, day)
    assert answer.code == 2, answer
    assert answer.err.startswith("forest-fire: ")
    assert "Traceback" not in answer.err
    assert not (small_park / "ledger.duckdb").exists()


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        ("a\nForged: all is well.", r"\n"),
        ("\x1b[2Jgone", r"\x1b"),
        ("turned \u202eround", r"\u202e"),
        ("no \udcff text", r"\udcff"),
        ("see http://u:s3cr3t@h", "holds a password or key"),
    ],
)
def test_a_reason_that_would_mislead_its_readers_is_refused(
    small_park: Path, forest_fire: Run, reason: str, why: str
) -> None:
    answer = forest_fire("freeze", "--until", "2027-01-04", "--reason", reason)
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert why in answer.err
    assert "s3cr3t" not in answer.err
    assert json.loads(forest_fire("history", "--events", "--json").out) == []
    assert small_park.exists()


def test_text_is_shown_as_it_is(small_park: Path, forest_fire: Run) -> None:
    reason = "missed :fire: in [bold]North[/bold] [/] 🔥"
    assert reason in forest_fire("freeze", "--until", "2027-01-04", "--reason", reason).out
    assert reason in " ".join(forest_fire("history", "--events").out.replace("│", " ").split())
    assert reason in json.loads(forest_fire("history", "--events", "--json").out)[0]["summary"]
    assert small_park.exists()


def test_a_model_that_the_ledger_does_not_know_is_refused_with_the_nearest(
    small_park: Path, forest_fire: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert forest_fire("freeze", "--until", "2027-01-04", "--reason", "x").code == 0
    monkeypatch.setenv("FOREST_FIRE_MODEL_NAME", "forest_fire_rsik")
    for words in (("status",), ("skill",), ("verify",), ("champion",), ("unfreeze", "--reason", "x")):
        answer = forest_fire(*words)
        assert (answer.code, answer.out) == (2, ""), words
        assert "nearest: forest_fire_risk. Correct FOREST_FIRE_MODEL_NAME" in answer.err
    assert forest_fire("champion", "--model", "forest_fire_risk").code == 0
    assert forest_fire("history").code == 0
    assert small_park.exists()


@pytest.mark.parametrize("word", ["\x1b[31mconjure", "con\njure", "\u202econjure"])
def test_wrong_words_are_one_line_too(forest_fire: Run, word: str) -> None:
    answer = forest_fire(word)
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert answer.err.isprintable() or answer.err[:-1].isprintable()
    assert "See: forest-fire --help" in answer.err
