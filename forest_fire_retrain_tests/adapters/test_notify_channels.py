"""File, mail and webhook against real files and servers: what arrives, and what is said where nothing does."""

import hashlib
import hmac
import json
import os
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from forest_fire_retrain.adapters.notify_file import NoticeFile
from forest_fire_retrain.adapters.notify_settings import NotifySettings
from forest_fire_retrain.adapters.notify_smtp import Mail
from forest_fire_retrain.adapters.notify_webhook import Webhook
from forest_fire_retrain.core.errors import NotSentError
from forest_fire_retrain.core.notices.notice import Notice
from forest_fire_retrain_tests.example_evidence import NOON
from forest_fire_retrain_tests.example_notices import example_notice
from forest_fire_retrain_tests.local_receivers import Hook, Relay, mail_relay, make_certificate, webhook

SECRET, PASSWORD = "kept between us", "pass/word"
FORGED = "late\r\nBcc: all@example.org\r\n\r\nVersion 9"
WAIT_SECONDS = 0.3


@pytest.fixture
def relay() -> Iterator[Relay]:
    with mail_relay() as one:
        yield one


@pytest.fixture
def hook() -> Iterator[Hook]:
    with webhook() as one:
        yield one


def mail_to(relay: Relay, **changes: object) -> Mail:
    given: dict[str, object] = {
        "smtp_host": relay.host,
        "smtp_port": relay.port,
        "mail_from": "fire@park.example",
        "mail_to": "ann@park.example, bob@park.example",
        "timeout_seconds": 5,
    }
    return Mail(NotifySettings(**{**given, **changes}))  # type: ignore[arg-type]


def post_to(hook: Hook, seconds: float = 5) -> Webhook:
    return Webhook(SecretStr(hook.address), SecretStr(SECRET), seconds)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_file_gets_one_line_per_notice_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "notices.jsonl"
    for key in ("a", "b"):
        NoticeFile(path).send(example_notice(key=key, sentence="two\nlines"), f"id-{key}", NOON)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["id"], line["sentence"], line["ledger_row"]) for line in lines] == [
        ("id-a", "two lines.", 7),
        ("id-b", "two lines.", 7),
    ]
    assert lines[0]["at"] == "2024-06-03T12:00:00+00:00"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_line_that_was_cut_by_a_crash_does_not_swallow_the_next(tmp_path: Path) -> None:
    path = tmp_path / "notices.jsonl"
    path.write_text('{"id": "ha')
    NoticeFile(path).send(example_notice(), "whole", NOON)
    assert json.loads(path.read_text().splitlines()[-1])["id"] == "whole"


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotSentError, match="cannot be written"):
        NoticeFile(tmp_path).send(example_notice(), "id", NOON)


def test_a_pipe_that_nobody_reads_is_waited_for_by_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotSentError):
        NoticeFile(tmp_path / "pipe").send(example_notice(), "id", NOON)


def test_a_mail_arrives_at_a_relay_without_tls_and_login(relay: Relay) -> None:
    mail_to(relay).send(example_notice(sentence="Kälter als 5 °C"), "abc", NOON)
    (message,) = relay.messages
    assert message["Subject"] == "forest_fire_risk: version 3 promoted"
    assert message["Message-ID"] == "<abc@forest-fire.invalid>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert "Kälter als 5 °C.\n\nSee: forest-fire history\n" in message.get_content().replace("\r\n", "\n")
    assert all(byte < 128 for byte in relay.mails[0])
    assert [words.split(":")[1] for words in relay.envelopes[0][1:]] == ["<ann@park.example>", "<bob@park.example>"]


def test_a_reason_cannot_forge_a_header_of_a_mail(relay: Relay) -> None:
    mail_to(relay).send(example_notice(subject=FORGED, sentence=FORGED, key=FORGED), "abc", NOON)
    (message,) = relay.messages
    assert message["Bcc"] is None
    assert len(relay.envelopes[0]) == 3
    assert "\nBcc" not in relay.mails[0].decode()


@pytest.mark.parametrize("given", [{"mail_to": "a@b\r\nRCPT TO:<c@d>"}, {"mail_from": "a\n@b"}, {"smtp_host": ""}])
def test_settings_cannot_forge_a_header(given: dict[str, str], relay: Relay) -> None:
    with pytest.raises(ValueError, match="control characters"):
        mail_to(relay, **given)


def test_a_relay_that_refuses_is_quoted_in_one_line(relay: Relay) -> None:
    relay.refuses = "550 no such\x1b[2J person"
    with pytest.raises(NotSentError, match="did not take the mail") as error:
        mail_to(relay).send(example_notice(), "id", NOON)
    assert "\x1b" not in str(error.value)


def test_a_relay_that_is_gone_or_mute_costs_no_more_than_the_timeout(relay: Relay) -> None:
    relay.is_mute = True
    began = time.monotonic()
    for port in (relay.port, closed_port()):
        with pytest.raises(NotSentError, match=f"the relay 127.0.0.1:{port} "):
            mail_to(relay, smtp_port=port, timeout_seconds=WAIT_SECONDS).send(example_notice(), "id", NOON)
    assert time.monotonic() - began < 10 * WAIT_SECONDS


def test_a_relay_that_is_gone_is_named_with_the_reason(relay: Relay) -> None:
    with pytest.raises(NotSentError, match=r"cannot be used: Connection refused$"):
        mail_to(relay, smtp_port=closed_port()).send(example_notice(), "id", NOON)


def test_no_mail_goes_out_in_the_clear_where_tls_is_asked_for(relay: Relay) -> None:
    with pytest.raises(NotSentError):
        mail_to(relay, smtp_tls="starttls").send(example_notice(), "id", NOON)
    assert relay.mails == []


@pytest.mark.parametrize("mode", ["starttls", "tls"])
def test_with_tls_and_login_a_mail_arrives_at_a_relay_that_is_trusted(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, authority = make_certificate(tmp_path)
    with mail_relay(context, speaks_tls_at_once=mode == "tls") as relay:
        mail = mail_to(relay, smtp_tls=mode, smtp_user="ann", smtp_password=PASSWORD)
        with pytest.raises(NotSentError, match="certificate"):
            mail.send(example_notice(), "id", NOON)
        assert (relay.mails, relay.logins) == ([], [])
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        mail.send(example_notice(), "id", NOON)
        assert len(relay.messages) == 1
        assert relay.logins == [f"\0ann\0{PASSWORD}".encode()]


def test_a_password_is_in_no_error(relay: Relay) -> None:
    relay.refuses = f"550 {PASSWORD}"
    mail = mail_to(relay, smtp_user="ann", smtp_password=PASSWORD)
    with pytest.raises(NotSentError) as error:
        mail.send(example_notice(), "id", NOON)
    assert PASSWORD not in str(error.value)
    assert PASSWORD not in repr(mail._settings)


def test_a_post_is_signed_over_its_time_and_its_very_bytes(hook: Hook) -> None:
    post_to(hook).send(example_notice(), "abc", NOON)
    ((headers, body),) = hook.posts
    timestamp = headers["X-Forest-Fire-Timestamp"]
    expected = hmac.new(SECRET.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["X-Forest-Fire-Signature"] == f"sha256={expected}"
    assert int(timestamp) == NOON.timestamp()
    assert headers["Idempotency-Key"] == json.loads(body)["id"] == "abc"
    assert SECRET not in str(hook.posts)


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_a_post_that_is_refused_is_said_without_the_address(hook: Hook, status: int) -> None:
    hook.answers = status
    with pytest.raises(NotSentError) as error:
        post_to(hook).send(example_notice(), "abc", NOON)
    assert str(error.value) == f"the webhook answered {status}"


def test_a_post_is_not_led_elsewhere(hook: Hook) -> None:
    with webhook() as other:
        hook.answers, hook.leads_to = 302, other.address
        with pytest.raises(NotSentError, match="answered 302"):
            post_to(hook).send(example_notice(), "abc", NOON)
        assert other.posts == []


def test_a_webhook_that_is_gone_or_mute_costs_no_more_than_the_timeout(hook: Hook) -> None:
    hook.is_mute = True
    began = time.monotonic()
    gone = Hook(port=closed_port())
    for one in (hook, gone):
        with pytest.raises(NotSentError) as error:
            post_to(one, WAIT_SECONDS).send(example_notice(), "abc", NOON)
        assert "token-of-the-path" not in str(error.value)
    assert time.monotonic() - began < 10 * WAIT_SECONDS


@pytest.mark.parametrize("kind", ["file", "mail", "webhook"])
def test_every_channel_takes_every_kind_of_notice(kind: str, tmp_path: Path, relay: Relay, hook: Hook) -> None:
    notices: list[Notice] = [example_notice(), example_notice(remedy="", row=None, matter="m", is_over=True)]
    channel = {"file": NoticeFile(tmp_path / "n"), "mail": mail_to(relay), "webhook": post_to(hook)}[kind]
    for notice in notices:
        channel.send(notice, "id", NOON)
    took = {"file": (tmp_path / "n").read_text().splitlines() if kind == "file" else [], "mail": relay.mails}
    assert len({**took, "webhook": hook.posts}[kind]) == 2
