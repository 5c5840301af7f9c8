"""What each kind of row carries: written as it always was, read back as it was written."""

import datetime as dt

import pytest
from pydantic import ValidationError

from forest_fire_retrain.core.ledger.entries import EntryDraft, EntryKind, Stamp, seal
from forest_fire_retrain.core.ledger.payloads import (
    ExternalPayload,
    FreezePayload,
    LabelsClearedPayload,
    RepairedFault,
    RepairPayload,
    RestorationPayload,
    RollbackPayload,
    RowPayload,
    SourceAcceptedPayload,
    UnfreezePayload,
)
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain_tests.example_evidence import draft

DAY = dt.date(2024, 9, 1)
WINDOW = Interval(start=dt.date(2024, 8, 1), end=DAY)
STAMP = Stamp(dt.datetime(2024, 9, 1, 12, tzinfo=dt.UTC), "ada", "cli")
WRITTEN: dict[str, tuple[RowPayload, str]] = {
    "rollback": (
        RollbackPayload(
            target_version=2,
            quarantined_candidate_id="bad",
            quarantined_version=4,
            alias_before=3,
            reason="why",
            until=DAY,
        ),
        (
            '{"alias_before":3,"quarantined_candidate_id":"bad","quarantined_version":4,"reason":"why",'
            '"target_version":2,"until":"2024-09-01"}'
        ),
    ),
    "rollback from nothing": (
        RollbackPayload(target_version=2, quarantined_candidate_id=None, alias_before=None, reason="why", until=None),
        (
            '{"alias_before":null,"quarantined_candidate_id":null,"quarantined_version":null,"reason":"why",'
            '"target_version":2,"until":null}'
        ),
    ),
    "freeze": (FreezePayload(until=DAY, reason="why"), '{"reason":"why","until":"2024-09-01"}'),
    "unfreeze": (
        UnfreezePayload(reason="why", was_frozen_until=DAY),
        '{"reason":"why","was_frozen_until":"2024-09-01"}',
    ),
    "labels cleared": (
        LabelsClearedPayload(window=WINDOW, reason="why", partitions=("2024-08-05",)),
        '{"partitions":["2024-08-05"],"reason":"why","window":{"end":"2024-09-01","start":"2024-08-01"}}',
    ),
    "source accepted": (
        SourceAcceptedPayload(accepted="new", before="old", reason="why"),
        '{"accepted":"new","before":"old","reason":"why"}',
    ),
    "external": (ExternalPayload(observed=None, expected=3), '{"expected":3,"observed":null}'),
    "repair": (
        RepairPayload(faults=(RepairedFault(where="registry", what="moved"),)),
        '{"faults":[{"what":"moved","where":"registry"}]}',
    ),
    "restoration": (
        RestorationPayload(backup="b.duckdb", rows=7, rows_before=9, kept_as=None),
        '{"backup":"b.duckdb","kept_as":null,"rows":7,"rows_before":9}',
    ),
}


@pytest.mark.parametrize(("payload", "text"), WRITTEN.values(), ids=WRITTEN.keys())
def test_a_payload_is_written_as_it_always_was_and_read_back(payload: RowPayload, text: str) -> None:
    assert payload.to_json() == text
    row = seal(EntryDraft.model_validate({**draft(EntryKind.REPAIR).model_dump(), "payload_json": text}), 1, "0" * 64)
    assert type(payload).read(row) == payload


def test_a_rollback_older_than_the_note_of_the_alias_allows_no_other_place_for_it() -> None:
    noted = RollbackPayload.model_validate({"target_version": 1, "reason": "why", "alias_before": None})
    older = RollbackPayload.model_validate({"target_version": 1, "reason": "why"})
    assert noted.found_at == {None}
    assert older.found_at == set()


def test_a_field_that_no_row_has_is_refused() -> None:
    with pytest.raises(ValidationError, match="forged"):
        FreezePayload.model_validate({"until": "2024-09-01", "reason": "why", "forged": 1})
