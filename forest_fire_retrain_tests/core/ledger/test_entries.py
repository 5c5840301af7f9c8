"""Whoever edits, removes, inserts or reorders sealed rows is found, and the first bad row is named."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from forest_fire_retrain.core.canonical_json import canonical_json, fingerprint_text
from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.ledger.entries import (
    GENESIS_HASH,
    EntryDraft,
    EntryKind,
    LedgerEntry,
    find_first_fault,
    seal,
    write_content,
)
from forest_fire_retrain_tests.property_examples import examples

INSTANTS = st.datetimes(dt.datetime(2020, 1, 1), timezones=st.just(dt.UTC))  # noqa: DTZ001 - the zone is added
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VERSIONS = st.none() | st.integers(1, 9)
FIELDS: dict[str, st.SearchStrategy[object]] = {
    "kind": st.sampled_from(EntryKind),
    "model_name": TEXTS,
    "recorded_at": INSTANTS,
    "actor": TEXTS,
    "trigger": TEXTS,
    "summary": TEXTS,
    "partition_key": st.none() | TEXTS,
    "as_of": st.none() | st.dates(),
    "decision_id": st.none() | TEXTS,
    "idempotency_key": st.none() | TEXTS,
    "outcome": st.none() | st.sampled_from(Outcome),
    "reason_code": st.none() | st.sampled_from(ReasonCode),
    "champion_before": VERSIONS,
    "champion_after": VERSIONS,
    "dagster_run_id": st.none() | TEXTS,
    "mlflow_run_id": st.none() | TEXTS,
    "payload_json": st.dictionaries(TEXTS, st.integers(), max_size=2).map(canonical_json),
}
PLAIN: dict[str, object] = {
    "kind": EntryKind.DECISION,
    "model_name": "forest_fire_risk",
    "recorded_at": dt.datetime(2024, 1, 8, 6, tzinfo=dt.UTC),
    "actor": "schedule",
    "trigger": "schedule",
    "summary": "Kept version 3",
}
DRAFTS = st.fixed_dictionaries(FIELDS).map(EntryDraft.model_validate)
PROPERTY = examples(60)


def sealed(drafts: list[EntryDraft]) -> list[LedgerEntry]:
    """The drafts in one intact chain."""
    chain: list[LedgerEntry] = []
    for draft in drafts:
        chain.append(seal(draft, len(chain) + 1, chain[-1].entry_hash if chain else GENESIS_HASH))
    return chain


CHAINS = st.lists(DRAFTS, min_size=2, max_size=6).map(sealed)


def row_named(chain: list[LedgerEntry]) -> int | None:
    """The row that the first fault names."""
    fault = find_first_fault(chain)
    return None if fault is None else int(fault.split(":")[0].removeprefix("row "))


def test_every_field_of_a_row_is_tried() -> None:
    assert set(FIELDS) == set(EntryDraft.model_fields)
    assert set(LedgerEntry.model_fields) - set(FIELDS) == {"sequence", "previous_hash", "entry_hash"}


@PROPERTY
@given(chain=CHAINS)
def test_a_chain_as_it_was_sealed_is_intact(chain: list[LedgerEntry]) -> None:
    assert find_first_fault(chain) is None
    assert find_first_fault([]) is None


@PROPERTY
@given(chain=CHAINS)
def test_a_row_read_back_from_json_is_the_row_that_was_sealed(chain: list[LedgerEntry]) -> None:
    read_back = [LedgerEntry.model_validate_json(entry.model_dump_json()) for entry in chain]
    assert read_back == chain
    assert find_first_fault(read_back) is None


@PROPERTY
@given(draft=DRAFTS)
def test_the_text_that_is_hashed_is_canonical_to_the_byte(draft: EntryDraft) -> None:
    row = seal(draft, 1, GENESIS_HASH)
    assert write_content(row) == canonical_json(row.model_dump(mode="json", exclude={"entry_hash"})).encode()
    assert fingerprint_text(write_content(row).decode()) == row.entry_hash


@pytest.mark.parametrize("name", sorted(FIELDS))
@examples(15)
@given(chain=CHAINS, data=st.data())
def test_an_edit_of_any_field_is_found_at_its_row(name: str, chain: list[LedgerEntry], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(chain) - 1))
    held = getattr(chain[place], name)
    edited = data.draw(FIELDS[name].filter(lambda value: value != held))
    chain[place] = chain[place].model_copy(update={name: edited})
    assert row_named(chain) == place + 1
    assert "the row was edited" in (find_first_fault(chain) or "")


@PROPERTY
@given(chain=CHAINS, draft=DRAFTS, data=st.data())
def test_an_edit_that_is_sealed_again_is_found_at_the_row_behind_it(
    chain: list[LedgerEntry], draft: EntryDraft, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(chain) - 2))
    forged = seal(draft, place + 1, chain[place].previous_hash)
    is_other = forged != chain[place]
    chain[place] = forged
    assert row_named(chain) == (place + 2 if is_other else None)


@PROPERTY
@given(chain=CHAINS, data=st.data())
def test_a_removed_row_is_found_at_its_place(chain: list[LedgerEntry], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(chain) - 2))
    del chain[place]
    assert row_named(chain) == place + 1


@PROPERTY
@given(chain=CHAINS)
def test_only_a_copy_elsewhere_shows_that_the_last_rows_are_gone(chain: list[LedgerEntry]) -> None:
    """A shortened chain is intact in itself, which is why exports and registry are compared with it."""
    assert find_first_fault(chain[:-1]) is None


@PROPERTY
@given(chain=CHAINS, data=st.data())
def test_a_removed_row_is_found_although_the_rest_is_renumbered(chain: list[LedgerEntry], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(chain) - 2))
    del chain[place]
    renumbered = [entry.model_copy(update={"sequence": number}) for number, entry in enumerate(chain, start=1)]
    assert row_named(renumbered) == place + 1


@PROPERTY
@given(drafts=st.lists(DRAFTS, min_size=2, max_size=6), data=st.data())
def test_a_chain_sealed_anew_with_a_number_left_out_is_found_there(
    drafts: list[EntryDraft], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(drafts) - 1))
    chain: list[LedgerEntry] = []
    for number, draft in enumerate(drafts):
        before = chain[-1].entry_hash if chain else GENESIS_HASH
        chain.append(seal(draft, number + 1 + (number >= place), before))
    assert row_named(chain) == place + 1


@PROPERTY
@given(chain=CHAINS, draft=DRAFTS, data=st.data())
def test_an_inserted_row_is_found_at_its_place_or_behind_it(
    chain: list[LedgerEntry], draft: EntryDraft, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(chain) - 1))
    before = chain[place].previous_hash
    chain.insert(place, seal(draft, place + 1, before))
    assert row_named(chain) == place + 2
    chain[place] = seal(draft, place + 1, "f" * 64)
    assert row_named(chain) == place + 1


@PROPERTY
@given(chain=CHAINS, data=st.data())
def test_a_repeated_row_is_found(chain: list[LedgerEntry], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(chain) - 1))
    chain.insert(place, chain[place])
    assert row_named(chain) == place + 2


@PROPERTY
@given(chain=CHAINS, data=st.data())
def test_reordered_rows_are_found_at_the_first_that_moved(chain: list[LedgerEntry], data: st.DataObject) -> None:
    moved = data.draw(st.permutations(chain).filter(lambda order: order != chain))
    first = next(place for place, (new, old) in enumerate(zip(moved, chain, strict=True), start=1) if new != old)
    assert row_named(moved) == first
    renumbered = [entry.model_copy(update={"sequence": number}) for number, entry in enumerate(moved, start=1)]
    assert row_named(renumbered) == first


@PROPERTY
@given(draft=DRAFTS, hours=st.integers(-14, 14))
def test_an_instant_is_sealed_as_utc_whatever_zone_it_was_given_in(draft: EntryDraft, hours: int) -> None:
    elsewhere = draft.recorded_at.astimezone(dt.timezone(dt.timedelta(hours=hours)))
    same = EntryDraft.model_validate({**draft.model_dump(), "recorded_at": elsewhere})
    assert same.recorded_at.utcoffset() == dt.timedelta(0)
    assert seal(same, 1, GENESIS_HASH).entry_hash == seal(draft, 1, GENESIS_HASH).entry_hash


def test_a_sealed_row_sealed_again_in_its_place_is_itself() -> None:
    (entry,) = sealed([EntryDraft.model_validate(PLAIN)])
    assert seal(entry, entry.sequence, entry.previous_hash) == entry


def test_a_payload_is_read_as_json() -> None:
    draft = EntryDraft.model_validate({**PLAIN, "payload_json": '{"holdout":{"n_rows":140}}'})
    assert draft.payload == {"holdout": {"n_rows": 140}}


@pytest.mark.parametrize("wrong", [{"kind": "guess"}, {"reason_code": "BECAUSE"}, {"colour": "red"}])
def test_a_row_outside_the_closed_sets_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        EntryDraft.model_validate({**PLAIN, **wrong})


def test_a_row_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        EntryDraft.model_validate(PLAIN).actor = "someone else"
