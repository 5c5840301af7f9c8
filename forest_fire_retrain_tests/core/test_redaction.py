"""Secrets are taken out of text, whatever form they have; all other text stays as it is."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forest_fire_retrain.core.errors import ForestFireRetrainError, RegistryError
from forest_fire_retrain.core.redaction import redact, redact_tree, secrets_in, secrets_of, unless_secret

PASSED = "s3cr3t/p@ss%2Fw"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://user:pa/ss@host/db", "postgresql://***@host/db"),
        ("mysql+pymysql://u:p@ss@host and http://c@d", "mysql+pymysql://***@host and http://***@d"),
        ("s3://AKEY:se/cr@et@bucket/lake", "s3://***@bucket/lake"),
        ("/srv/s3:/AKEY:se/cr@et@bucket/lake: no such folder", "/srv/s3:/***@bucket/lake: no such folder"),
        ("http://u:p%40w@h:5000/#/runs", "http://***@h:5000/#/runs"),
        ("http://only-a-token@host", "http://***@host"),
        ("'http://u:p@h' and 'http://x:y@z'", "'http://***@h' and 'http://***@z'"),
        ("az://c/lake?sv=1&sig=ab%2Bc%3D&x=2", "az://c/lake?sv=1&sig=***&x=2"),
        ("s3://b?X-Amz-Signature=ff0&X-Amz-Security-Token=abc", "s3://b?X-Amz-Signature=***&X-Amz-Security-Token=***"),
        ("host=db password=hunter2 dbname=x", "host=db password=*** dbname=x"),
        ("AccountName=a;AccountKey=abc==;X=1", "AccountName=a;AccountKey=***;X=1"),
        ('{"aws_secret_access_key": "wJalr"}', '{"aws_secret_access_key": "***"}'),
        ("key AKIAIOSFODNN7EXAMPLE is refused", "key *** is refused"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer ***"),
        ("-----BEGIN PRIVATE KEY-----\nMC4\n-----END PRIVATE KEY-----", "***"),
    ],
)
def test_a_secret_is_taken_out(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert redact(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:5000/#/experiments/1",
        "sqlite:////home/a@b/mlflow/mlflow.db",
        "file:///srv/fire@park/artifacts",
        "file:/srv/fire@park/artifacts and C:/Users/a@b",
        "https://example.org/@ranger/report",
        "ask ranger@example.org",
        "seed=5 basis=2 assignment=x n_tokens=7 design=a",
        "missed :fire: in [bold]North[/bold]",
        "models:/forest_fire_risk/3",
    ],
)
def test_all_else_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


@given(
    st.text(st.characters(exclude_categories=("Cs", "Zs", "Cc", "Zl", "Zp"), exclude_characters="'\"<>"), min_size=4)
)
def test_no_password_in_an_address_is_ever_shown(password: str) -> None:
    shown = redact(f"failed at postgresql://user:{password}@db.example.org/x for ever")
    assert shown == "failed at postgresql://***@db.example.org/x for ever"


@given(st.text(max_size=60))
def test_redacting_again_changes_nothing(text: str) -> None:
    assert redact(redact(text)) == redact(text)


def test_a_known_secret_is_taken_out_where_it_stands_alone() -> None:
    secrets = secrets_in(f"postgresql://u:{PASSED}@h/db")
    assert secrets == {PASSED, "s3cr3t/p@ss/w"}
    assert redact(f'FATAL: password "{PASSED}" is wrong', secrets) == 'FATAL: password "***" is wrong'
    assert redact("the catalogue", {"cat"}) == "the catalogue"


def test_variables_that_hold_secrets_are_told_by_their_names() -> None:
    held = {
        "MLFLOW_TRACKING_PASSWORD": "hunter2",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
        "FOREST_FIRE_LAKE_URI": "s3://k:swordfish@b",
        "FOREST_FIRE_WITNESS_KEY": "/srv/witness.key",
        "N_TOKEN": "123456",
        "HOME": "/root",
    }
    assert secrets_of(held) == {"hunter2", "wJalrXUtnFEMI", "swordfish"}


def test_a_tree_is_redacted_text_by_text() -> None:
    tree = {"uri": ["http://u:p@h", 1, None], "password": "x", "n": 2.5}
    assert redact_tree(tree) == {"uri": ["http://***@h", 1, None], "password": "***", "n": 2.5}


def test_no_error_of_this_project_holds_a_secret() -> None:
    assert str(ForestFireRetrainError("lost http://u:p/q@h")) == "lost http://***@h"
    assert str(RegistryError("lost http://u:p@h")) == "lost http://***@h"


def test_a_cause_that_says_a_secret_is_not_kept() -> None:
    told, silent = OSError("no http://u:p@h"), OSError("no")
    beneath = OSError("no")
    beneath.__cause__ = told
    assert unless_secret(told) is None
    assert unless_secret(beneath) is None
    assert unless_secret(silent) is silent


@pytest.mark.parametrize("text", ["a://" * 5_000, "a" * 40_000 + "=", '"token' * 3_000 + "=", "a." * 10_000 + "://x"])
def test_long_text_is_read_in_a_moment(text: str) -> None:
    started = time.process_time()
    redact(text)
    assert time.process_time() - started < 1
