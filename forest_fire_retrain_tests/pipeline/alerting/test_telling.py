"""Each channel is told what is new to it, once; one that fails holds up no other."""

import datetime as dt
from collections.abc import Sequence

import pytest

from forest_fire_retrain.core.ledger.entries import EntryDraft, EntryKind
from forest_fire_retrain.core.matters import Matter
from forest_fire_retrain.core.notices.ledger_notices import notices_of
from forest_fire_retrain.core.notices.notice import Channel
from forest_fire_retrain.pipeline.alerting.telling import MAX_AT_ONCE, Look, tell
from forest_fire_retrain_tests.example_evidence import MODEL, NOON, confirmation_draft, decision_draft, draft
from forest_fire_retrain_tests.example_notices import HOUR, FakeChannel, FakeMemory, example_matter, rows_of

PROMOTION = [decision_draft(0), confirmation_draft("decision-0", 1)]
REPAIR = draft(EntryKind.REPAIR)


def look_at(drafts: Sequence[EntryDraft] | None, *matters: Matter, now: dt.datetime = NOON + 99 * HOUR) -> Look:
    rows = None if drafts is None else notices_of(rows_of(drafts), MODEL, 3)
    return Look(rows, len(drafts or ()), matters, is_whole=True, model_name=MODEL, now=now)


def begun(*channels: FakeChannel) -> tuple[list[Channel], FakeMemory]:
    """Channels that are there from the first row on."""
    named, memory = [Channel(f"c{number}", one) for number, one in enumerate(channels)], FakeMemory()
    tell(named, memory, look_at([]))
    return named, memory


def test_what_is_new_is_told_once() -> None:
    channel = FakeChannel()
    channels, memory = begun(channel)
    (first,) = tell(channels, memory, look_at([*PROMOTION, REPAIR]))
    (second,) = tell(channels, memory, look_at([*PROMOTION, REPAIR]))
    assert (first.n_told, second.n_told) == (2, 0)
    assert [notice.kind for notice, _ in channel.took] == ["promotion", "repair"]


def test_a_new_channel_hears_no_history_but_what_is_open_and_what_comes() -> None:
    channel, memory = FakeChannel(), FakeMemory()
    channels = [Channel("mail", channel)]
    tell(channels, memory, look_at(PROMOTION, example_matter()))
    assert [notice.kind for notice, _ in channel.took] == ["run_failed"]
    tell(channels, memory, look_at([*PROMOTION, REPAIR], example_matter()))
    assert [notice.kind for notice, _ in channel.took] == ["run_failed", "repair"]


def test_a_channel_that_is_added_later_hears_no_history_either() -> None:
    early, late = FakeChannel(), FakeChannel()
    channels, memory = begun(early)
    tell([*channels, Channel("late", late)], memory, look_at(PROMOTION))
    assert (len(early.took), len(late.took)) == (1, 0)


def test_a_channel_that_fails_is_tried_again_and_holds_up_no_other() -> None:
    broken, sound = FakeChannel(fails=True), FakeChannel()
    channels, memory = begun(broken, sound)
    failed, taken = tell(channels, memory, look_at([*PROMOTION, REPAIR]))
    assert (failed.n_told, failed.n_waiting, failed.failure) == (0, 2, "the relay is gone")
    assert (taken.n_told, taken.failure) == (2, None)
    assert memory.failures == {"c0": "the relay is gone"}
    broken.fails = False
    again, nothing = tell(channels, memory, look_at([*PROMOTION, REPAIR]))
    assert (again.n_told, nothing.n_told) == (2, 0)
    assert memory.failures == {}


def test_killed_between_sending_and_noting_it_is_told_again_with_the_same_identity() -> None:
    class DyingMemory(FakeMemory):
        def note_told(self, *_: object) -> None:
            raise KeyboardInterrupt

    channel = FakeChannel()
    channels, memory = begun(channel)
    dying = DyingMemory(baselines=memory.baselines)
    with pytest.raises(KeyboardInterrupt):
        tell(channels, dying, look_at(PROMOTION))
    tell(channels, memory, look_at(PROMOTION))
    (_, first), (_, second) = channel.took
    assert first == second


def test_rows_that_cannot_be_read_keep_no_matter_back_and_begin_no_baseline() -> None:
    channel, memory = FakeChannel(), FakeMemory()
    tell([Channel("mail", channel)], memory, look_at(None, example_matter()))
    assert len(channel.took) == 1
    assert memory.baselines == {}


def test_nothing_is_sent_when_the_time_is_up_and_it_waits_for_the_next_look() -> None:
    channel = FakeChannel()
    channels, memory = begun(channel)
    (late,) = tell(channels, memory, look_at(PROMOTION), lambda: True)
    assert (late.n_told, late.n_waiting, late.failure) == (0, 1, None)
    assert str(late) == "c0: 0 sent, 1 waiting"
    (told,) = tell(channels, memory, look_at(PROMOTION))
    assert told.n_told == 1


def test_many_at_once_are_told_over_several_looks() -> None:
    channel = FakeChannel()
    channels, memory = begun(channel)
    many = look_at([REPAIR] * (MAX_AT_ONCE + 5))
    assert [tell(channels, memory, many)[0].n_told for _ in range(3)] == [MAX_AT_ONCE, 5, 0]


def test_after_a_backup_is_put_back_only_rows_that_are_new_are_told() -> None:
    channel = FakeChannel()
    channels, memory = [Channel("mail", channel)], FakeMemory()
    tell(channels, memory, look_at([*PROMOTION, REPAIR], now=NOON + 3 * HOUR))
    restored = [*PROMOTION, *[draft(EntryKind.MIGRATION)] * 3, draft(EntryKind.REPAIR, summary="Restored.")]
    tell(channels, memory, look_at(restored))
    assert [notice.sentence for notice, _ in channel.took] == ["Restored."]
