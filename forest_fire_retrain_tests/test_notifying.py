"""What is new is told once, over restarts, from a home as it lies; nothing that goes wrong there is told as health."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from forest_fire_retrain import notifying, operations
from forest_fire_retrain.adapters.told_notices import ToldNotices
from forest_fire_retrain.core.errors import ConfigurationError, HomeError
from forest_fire_retrain.core.ledger.entries import EntryKind
from forest_fire_retrain.installation import Installation
from forest_fire_retrain_tests.example_evidence import confirmation_draft, decision_draft, draft, rollback_draft
from forest_fire_retrain_tests.example_installation import NOW, example_installation
from forest_fire_retrain_tests.local_receivers import Hook, webhook

SECRET = "kept between us"  # noqa: S105 - of a test
PROMOTION = [decision_draft(0), confirmation_draft("decision-0", 1)]


@pytest.fixture
def hook() -> Iterator[Hook]:
    with webhook() as one:
        yield one


@pytest.fixture
def installation(tmp_path: Path, hook: Hook) -> Installation:
    """An installation with a file and a webhook, which has been looked at once and has no decisions yet."""
    home = tmp_path / "home"
    home.mkdir()
    given = {"file": tmp_path / "told.jsonl", "webhook_url": hook.address, "webhook_secret": SECRET}
    made = example_installation(home, notify={**given, "timeout_seconds": 0.5})
    write(made)
    notifying.notify(made.settings, NOW)
    hook.posts.clear()
    (tmp_path / "told.jsonl").unlink(missing_ok=True)
    return made


def write(installation: Installation, *drafts: object) -> None:
    """Write rows and publish them."""
    for one in drafts:
        installation.ledger.append(one.model_copy(update={"recorded_at": NOW}))  # type: ignore[attr-defined]
    operations.publish(installation.published_ledger)


def told_in(installation: Installation, *, rows_only: bool = True) -> list[str]:
    path = installation.settings.notify.file
    assert path is not None
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [line["kind"] for line in lines if line["ledger_row"] is not None or not rows_only]


def test_rows_are_told_once_through_every_channel_over_restarts(installation: Installation, hook: Hook) -> None:
    write(installation, *PROMOTION)
    for _ in range(3):
        said = notifying.notify(installation.settings, NOW)
        assert not said.failed
    assert told_in(installation) == ["promotion"]
    keys = [headers["Idempotency-Key"] for headers, _ in hook.posts]
    assert len(keys) == len(set(keys))
    assert [json.loads(body)["kind"] for _, body in hook.posts].count("promotion") == 1


def test_a_replay_is_silent(installation: Installation) -> None:
    replay = PROMOTION[0].model_copy(update={"kind": EntryKind.REPLAY, "decision_id": "replay"})
    write(installation, *PROMOTION, replay, replay)
    notifying.notify(installation.settings, NOW)
    assert told_in(installation) == ["promotion"]


def test_a_rollback_and_a_freeze_are_told(installation: Installation) -> None:
    write(installation, *PROMOTION, decision_draft(1, before=1), confirmation_draft("decision-1", 2))
    write(installation, rollback_draft(1, 2), confirmation_draft("rollback-1", 1))
    notifying.notify(installation.settings, NOW)
    assert told_in(installation) == ["promotion", "promotion", "rollback"]


def test_what_an_earlier_release_kept_is_told_without_its_secrets(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = "Roll back: see http://ada:hunter22@park.example"
    with monkeypatch.context() as earlier:
        earlier.setattr("forest_fire_retrain.core.ledger.entries.redact", lambda text: text)
        back = rollback_draft(1, 2).model_copy(update={"summary": kept})
        write(installation, *PROMOTION, back, confirmation_draft("rollback-1", 1))
    assert kept in (row.summary for row in installation.ledger.entries())
    notifying.notify(installation.settings, NOW)
    told = installation.settings.notify.file.read_text()  # type: ignore[union-attr] # it is configured
    assert "http://***@park.example" in told
    assert "hunter22" not in told + installation.settings.notices_file.read_bytes().decode("latin-1")


def test_a_channel_that_is_down_is_told_later_and_holds_up_no_other(installation: Installation, hook: Hook) -> None:
    write(installation, *PROMOTION)
    hook.answers = 503
    said = notifying.notify(installation.settings, NOW)
    assert said.failed
    assert "webhook: 0 sent" in str(said)
    assert told_in(installation) == ["promotion"]
    (failure,) = ToldNotices(installation.settings.notices_file).failures()
    assert (failure.channel, failure.why) == ("webhook", "the webhook answered 503")
    hook.answers = 204
    assert not notifying.notify(installation.settings, NOW).failed
    assert ToldNotices(installation.settings.notices_file).failures() == []
    assert told_in(installation) == ["promotion"]


def test_what_is_open_is_told_and_that_it_is_over(installation: Installation) -> None:
    copy = installation.settings.export_folder / "ledger.parquet"
    sound = copy.read_bytes()
    copy.write_bytes(b"no parquet")
    for _ in range(2):
        notifying.notify(installation.settings, NOW)
    assert told_in(installation, rows_only=False).count("fault_found") == 1
    copy.write_bytes(sound)
    notifying.notify(installation.settings, NOW)
    path = installation.settings.notify.file
    assert path is not None
    last = json.loads(path.read_text().splitlines()[-1])
    assert (last["kind"], last["is_over"]) == ("fault_found", True)


def test_an_unreadable_copy_makes_nothing_look_settled(installation: Installation) -> None:
    write(installation, *PROMOTION)  # the registry knows nothing of it: a matter
    notifying.notify(installation.settings, NOW)
    assert "registry_differs" in told_in(installation, rows_only=False)
    (installation.settings.export_folder / "ledger.parquet").write_bytes(b"no parquet")
    notifying.notify(installation.settings, NOW)
    path = installation.settings.notify.file
    assert path is not None
    assert not [line for line in path.read_text().splitlines() if json.loads(line)["is_over"]]


def test_while_another_process_tells_nothing_is_told(installation: Installation) -> None:
    write(installation, *PROMOTION)
    with ToldNotices(installation.settings.notices_file).exclusive():
        assert str(notifying.notify(installation.settings, NOW)) == "another process is telling"
    assert told_in(installation) == []


def test_without_a_channel_nothing_is_written(tmp_path: Path) -> None:
    plain = example_installation(tmp_path)
    assert "no channel is configured" in str(notifying.notify(plain.settings, NOW))
    assert not plain.settings.notices_file.exists()
    with pytest.raises(ConfigurationError, match="no channel is configured"):
        notifying.send_test(plain.settings, NOW)


def test_a_mistyped_home_is_not_made(tmp_path: Path) -> None:
    lost = example_installation(tmp_path / "mistyped", notify={"file": tmp_path / "told.jsonl"})
    with pytest.raises(HomeError, match="there is no home at"):
        notifying.notify(lost.settings, NOW)
    assert not (tmp_path / "mistyped").exists()


def test_a_test_goes_through_every_channel_and_is_no_news(installation: Installation, hook: Hook) -> None:
    hook.answers = 500
    file, posted = notifying.send_test(installation.settings, NOW)
    assert (file.failure, posted.failure) == (None, "the webhook answered 500")
    assert told_in(installation, rows_only=False) == ["test"]


def test_killed_between_sending_and_noting_the_repeat_has_the_same_identity(
    installation: Installation, hook: Hook
) -> None:
    write(installation, *PROMOTION, draft(EntryKind.REPAIR))
    hook.is_mute = True  # takes the post, and never gets to say so
    process = start_notify(installation)
    wait_for(lambda: bool(hook.posts))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    hook.let_go.set()
    hook.is_mute = False
    for _ in range(2):
        assert start_notify(installation).wait() == 0
    kinds = [json.loads(body)["kind"] for _, body in hook.posts if json.loads(body)["ledger_row"]]
    first, repeat = (headers["Idempotency-Key"] for headers, _ in hook.posts[:2])
    assert kinds == ["promotion", "promotion", "repair"]
    assert first == repeat
    assert told_in(installation) == ["promotion", "repair"]


def start_notify(installation: Installation) -> "subprocess.Popen[bytes]":
    """`forest-fire notify` in a process of its own."""
    chosen = installation.settings.notify
    assert chosen.webhook_url is not None
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FOREST_FIRE_")}
    given = {
        "FOREST_FIRE_HOME": str(installation.settings.home),
        "FOREST_FIRE_NOTIFY__FILE": str(chosen.file),
        "FOREST_FIRE_NOTIFY__WEBHOOK_URL": chosen.webhook_url.get_secret_value(),
        "FOREST_FIRE_NOTIFY__WEBHOOK_SECRET": SECRET,
        "FOREST_FIRE_NOTIFY__TIMEOUT_SECONDS": "20",
    }
    code = "from forest_fire_retrain.cli import run; run()"
    return subprocess.Popen([sys.executable, "-c", code, "notify"], env={**kept, **given})


def wait_for(happened: object, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not happened():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
