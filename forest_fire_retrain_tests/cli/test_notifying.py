"""`forest-fire notify`: what is new, or a test, in lines and exit codes."""

import json
from pathlib import Path

import pytest

from forest_fire_retrain_tests.cli.conftest import Run

NOWHERE = "http://127.0.0.1:1/secret-path"


@pytest.fixture
def told(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (home / "records").mkdir(parents=True)
    monkeypatch.setenv("FOREST_FIRE_NOTIFY__FILE", str(tmp_path / "told.jsonl"))
    return tmp_path / "told.jsonl"


def test_a_test_says_of_each_channel_whether_it_arrived(
    told: Path, forest_fire: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = forest_fire("notify", "--test")
    assert (answer.code, answer.out) == (0, "file: the test was taken\n")
    monkeypatch.setenv("FOREST_FIRE_NOTIFY__WEBHOOK_URL", NOWHERE)
    monkeypatch.setenv("FOREST_FIRE_NOTIFY__WEBHOOK_SECRET", "kept")
    answer = forest_fire("notify", "--test")
    assert answer.code == 1
    assert "webhook: the test did NOT arrive: the webhook cannot be reached: Connection refused" in answer.out
    assert "secret-path" not in answer.out + answer.err
    assert len(told.read_text().splitlines()) == 2


def test_what_is_new_is_counted(told: Path, forest_fire: Run) -> None:
    assert forest_fire("notify").code == 0
    before = told.read_text() if told.exists() else ""
    answer = forest_fire("notify")
    assert (answer.code, answer.out) == (0, "file: 0 sent\n")
    assert (told.read_text() if told.exists() else "") == before


@pytest.mark.usefixtures("told")
def test_a_channel_that_takes_nothing_is_exit_code_1(
    home: Path, forest_fire: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOREST_FIRE_NOTIFY__FILE", "/dev/null/told.jsonl")
    (home / "export").mkdir()
    (home / "export" / "ledger.parquet").write_bytes(b"no parquet")
    for words in (["notify"], ["notify", "--test"]):
        answer = forest_fire(*words)
        assert answer.code == 1
        assert "cannot be written" in answer.out
    (home / "export" / "ledger.parquet").unlink()
    shown = json.loads(forest_fire("status", "--json").out)["alerts_not_taken"]
    assert [line.partition(",")[0] for line in shown] == ["file"]
    assert "cannot be written" in shown[0]


@pytest.mark.parametrize("words", [["notify"], ["notify", "--test"]])
def test_without_a_channel_it_is_wrong_use(home: Path, forest_fire: Run, words: list[str]) -> None:
    (home / "records").mkdir(parents=True)
    answer = forest_fire(*words)
    assert answer.code == 2
    assert "FOREST_FIRE_NOTIFY__SMTP_HOST" in answer.err
    assert [path.name for path in home.iterdir()] == ["records"]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"WEBHOOK_URL": "ftp://x/TOKEN"}, "http://"),
        ({"WEBHOOK_URL": "https://ann:TOKEN@x/"}, "must not hold a user"),
        ({"WEBHOOK_URL": "https://x/TOKEN"}, "WEBHOOK_SECRET is not"),
        ({"SMTP_HOST": "TOKEN"}, "MAIL_FROM is not"),
        ({"MAIL_TO": "TOKEN"}, "SMTP_HOST is not"),
        ({"MAIL_TO": 'Ann "TOKEN', "MAIL_FROM": "TOKEN@"}, "such as duty@park.example"),
        ({"SMTP_PASSWORD": "TOKEN"}, "SMTP_USER is not"),
        ({"SMTP_PORT": "TOKEN"}, "SMTP_PORT"),
        ({"SMTP_PASWORD": "TOKEN"}, "SMTP_PASWORD"),
        ({"SMTP_TLS": "TOKEN"}, "SMTP_TLS"),
    ],
)
def test_wrong_settings_are_named_without_their_values(
    forest_fire: Run, monkeypatch: pytest.MonkeyPatch, home: Path, given: dict[str, str], named: str
) -> None:
    del home
    for name, value in given.items():
        monkeypatch.setenv(f"FOREST_FIRE_NOTIFY__{name}", value)
    answer = forest_fire("status")
    assert answer.code == 2
    assert named in answer.err
    assert "TOKEN" not in answer.out + answer.err
