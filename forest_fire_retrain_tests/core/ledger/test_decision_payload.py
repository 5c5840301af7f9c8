"""A decision's row says everything: it reads back whole, is decided again from rows alone, and names differences."""

import datetime as dt
import json
import math

import pytest

from forest_fire_retrain.core.alarms import Alarm
from forest_fire_retrain.core.decision.adjudication import adjudicate
from forest_fire_retrain.core.decision.case import Case, Decision, LedgerFacts
from forest_fire_retrain.core.decision.thresholds import RULE_VERSION, DecisionRule
from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.decision.wording import say_days_as_before
from forest_fire_retrain.core.ledger.decision_page import render_decision_page
from forest_fire_retrain.core.ledger.decision_payload import (
    NOT_WRITTEN_IF_NONE,
    OLDER_FACTS,
    DecisionPayload,
    Difference,
    facts_of,
    find_differences,
    has_suspect_labels,
    idempotency_key,
    read_evidence,
    read_payload,
)
from forest_fire_retrain.core.ledger.drafts import draft_decision
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.core.ledger.recomputation import WORDED_SINCE, is_same, recompute
from forest_fire_retrain.core.ledger.redrafting import find_other_columns_of_decision
from forest_fire_retrain.core.records import Recipe
from forest_fire_retrain.core.windows import Interval
from forest_fire_retrain_tests.example_evidence import (
    DAY,
    FIRST_DAY,
    MODEL,
    RULE,
    STAMP,
    change_newest,
    draft,
    example_case,
    example_payload,
    inaugural_case,
    steady_gains,
)
from forest_fire_retrain_tests.fakes.ledger import FakeLedger

GAINS = steady_gains(1.2)


def entry_of(payload: DecisionPayload, ledger: FakeLedger | None = None) -> LedgerEntry:
    """The row of a decision."""
    plain = draft(EntryKind.DECISION, partition_key=payload.evidence.partition_key)
    return (ledger or FakeLedger()).append(plain.model_copy(update={"payload_json": payload.to_json()}))


def decide_weekly(n_weeks: int = len(GAINS)) -> dict[str, LedgerEntry]:
    """One decision a week, each with everything before it as evidence; by partition key."""
    ledger = FakeLedger()
    entries = [entry_of(example_payload(example_case(GAINS[: n + 1]), n), ledger) for n in range(n_weeks)]
    return {str(entry.partition_key): entry for entry in entries}


CASES = {
    "superior": example_case(GAINS),
    "too few": example_case(GAINS[:2]),
    "inaugural": inaugural_case([1.0]),
    "frozen, with an alert": example_case(
        GAINS,
        champion_age_days=700,
        frozen_until=FIRST_DAY + 999 * DAY,
        blocked_by=ReasonCode.SCHEMA,
        blocked_in_a_row=4,
    ),
    "unscorable": example_case(GAINS, dropped={"2023-12-25": "no usable figures"}, alias_disagrees=True),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_payload_reads_back_as_it_was_written(case: Case) -> None:
    payload = example_payload(case, len(case.earlier))
    back = read_payload(entry_of(payload))
    assert back.to_json() == payload.to_json()
    assert back.decision.sentence == payload.decision.sentence
    assert read_evidence(entry_of(payload)) == case.newest


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_decision_is_the_same_when_computed_again_from_rows_alone(case: Case) -> None:
    decided = decide_weekly()
    payload = read_payload(entry_of(example_payload(case, len(case.earlier))))
    again = recompute(payload, decided)
    assert again.model_dump_json() == payload.decision.model_dump_json() == adjudicate(case, RULE).model_dump_json()


def test_a_row_that_was_pooled_and_is_missing_is_not_passed_over() -> None:
    decided = decide_weekly()
    payload = example_payload(CASES["superior"], len(GAINS) - 1)
    del decided[payload.used_partitions[2]]
    with pytest.raises(KeyError):
        recompute(payload, decided)


def test_a_row_in_the_words_of_an_earlier_release_follows_again_and_in_other_words_it_does_not() -> None:
    case = change_newest(CASES["superior"], labels_are_suspect=True)
    before = adjudicate(case, RULE, say_days_as_before)
    assert "recorded in [2024-02-19, 2024-02-26), " in before.sentence
    assert "were recorded in [2024-02-19, 2024-02-26): " in before.alerts[0]
    assert "recorded from 2024-02-19 to 2024-02-25, " in adjudicate(case, RULE).sentence
    payload, decided = example_payload(case, len(GAINS) - 1), decide_weekly()
    then = payload.model_copy(update={"decision": before})
    assert recompute(then, decided) == before
    for sentence in (before.sentence.replace("2024-02-26", "2024-02-27"), adjudicate(case, RULE).sentence):
        mixed = before.model_copy(update={"sentence": sentence})
        again = recompute(then.model_copy(update={"decision": mixed}), decided)
        assert not is_same(mixed, again, RULE_VERSION)


def test_a_row_that_was_changed_changes_the_decision() -> None:
    payload = example_payload(CASES["superior"], len(GAINS) - 1)
    worse = payload.evidence.model_copy(update={"loss_challenger": (30.0,) * 7})
    again = recompute(payload.model_copy(update={"evidence": worse}), decide_weekly())
    assert again.reason_code is not ReasonCode.SUPERIOR


def test_the_rest_of_the_case_stands_in_the_facts() -> None:
    case = CASES["frozen, with an alert"]
    assert facts_of(case) == {
        "as_of": case.as_of.isoformat(),
        "gap_days": 14,
        "frozen_until": (FIRST_DAY + 999 * DAY).isoformat(),
        "is_quarantined": False,
        "alias_disagrees": False,
        "blocked_by": "SCHEMA",
        "blocked_in_a_row": 4,
    }


def changed(decision: Decision, **changes: object) -> Decision:
    """The decision with other numbers in its comparison."""
    return decision.model_copy(update={"comparison": decision.comparison.model_copy(update=changes)})


@pytest.mark.parametrize("name", CASES)
def test_a_decision_is_the_same_as_itself_read_back(name: str) -> None:
    decision = adjudicate(CASES[name], RULE)
    assert is_same(decision, Decision.model_validate_json(decision.model_dump_json()), RULE_VERSION)


def test_a_decision_is_the_same_but_for_the_last_bits_of_its_numbers() -> None:
    decision = adjudicate(CASES["superior"], RULE)
    gains = decision.comparison.block_gains
    e_value = decision.comparison.e_value
    assert is_same(decision, changed(decision, e_value=math.nextafter(e_value, 0)), RULE_VERSION)
    others = (
        changed(decision, e_value=e_value * 1.0001),
        changed(decision, e_value=math.nan),
        changed(decision, n_fires=decision.comparison.n_fires + 1),
        changed(decision, block_gains=gains[1:]),
        decision.model_copy(update={"outcome": Outcome.KEPT}),
        decision.model_copy(update={"champion_age_days": 1}),
    )
    for version in ("1", "6", RULE_VERSION):
        assert not any(is_same(decision, other, version) for other in others)


@pytest.mark.parametrize("words", [{"sentence": "better"}, {"alerts": ("3 decisions in a row were inconclusive",)}])
def test_words_are_compared_with_those_of_their_own_version_only(words: dict[str, object]) -> None:
    decision = adjudicate(CASES["superior"], RULE)
    reworded = decision.model_copy(update=words)
    assert [is_same(decision, reworded, version) for version in ("3", "6", "7", "8")] == [True, True, False, False]
    assert int(RULE_VERSION) >= WORDED_SINCE


def test_no_field_of_a_case_is_left_out_of_the_row() -> None:
    elsewhere = {"newest", "earlier", "dropped", "champion", "training_hash", "prediction_hash", "guardrails"}
    facts = set(Case.model_fields) - {"ledger"} | set(LedgerFacts.model_fields) - OLDER_FACTS
    assert set(facts_of(CASES["superior"])) | elsewhere == facts


def test_a_suspect_window_is_seen_without_reading_the_row() -> None:
    clean = CASES["superior"]
    suspect = clean.model_copy(update={"newest": clean.newest.model_copy(update={"labels_are_suspect": True})})
    assert has_suspect_labels(entry_of(example_payload(suspect)))
    assert not has_suspect_labels(entry_of(example_payload(clean)))


# ---- idempotency ----


def key_of(payload: DecisionPayload, rule: DecisionRule = RULE, model_name: str = MODEL) -> str:
    return idempotency_key(model_name, payload.holdout, payload.candidate, rule)


def test_equal_inputs_have_equal_keys_whatever_ran_them() -> None:
    payload = example_payload(CASES["superior"])
    other_run = payload.candidate.stored.model_copy(update={"mlflow_run_id": "run-z", "model_uri": "models:/z"})
    snapshot = payload.candidate.snapshot.model_copy(update={"table_versions": {"features": 9, "fires": 9}})
    candidate = payload.candidate.model_copy(update={"stored": other_run, "snapshot": snapshot})
    holdout = payload.holdout.model_copy(update={"snapshot": snapshot})
    assert key_of(payload.model_copy(update={"candidate": candidate, "holdout": holdout})) == key_of(payload)


def test_every_input_changes_the_key() -> None:
    payload = example_payload(CASES["superior"])
    candidate, holdout = payload.candidate, payload.holdout
    other_windows = holdout.windows.model_copy(update={"training": Interval(start=FIRST_DAY, end=FIRST_DAY + DAY)})
    other_code = candidate.environment.model_copy(update={"code_version": "f" * 64})
    changed = [
        payload.model_copy(update={"holdout": holdout.model_copy(update={"content_hash": "f" * 64})}),
        payload.model_copy(update={"holdout": holdout.model_copy(update={"windows": other_windows})}),
        *(
            payload.model_copy(update={"candidate": candidate.model_copy(update=update)})
            for update in (
                {"training_hash": "f" * 64},
                {"seed": 2},
                {"recipe": Recipe(name="small", estimator="logistic", parameters={})},
                {"environment": other_code},
            )
        ),
    ]
    keys = [
        key_of(payload),
        *map(key_of, changed),
        key_of(payload, DecisionRule(min_fires=21)),
        key_of(payload, model_name="other"),
    ]
    assert len(set(keys)) == len(keys)


# ---- differences ----


def test_a_replay_that_reproduced_everything_differs_in_nothing() -> None:
    payload = example_payload(CASES["too few"])  # some of its figures are no numbers
    assert find_differences(read_payload(entry_of(payload)), payload) == ()


def test_a_replay_names_what_it_has_otherwise() -> None:
    original = example_payload(CASES["superior"], len(GAINS) - 1)
    replay = example_payload(example_case(steady_gains(0.0)), len(GAINS) - 1)
    changed = {"content_hash": "0123456789abcdef" * 4, "n_fires": 8}
    replay = replay.model_copy(update={"holdout": replay.holdout.model_copy(update=changed)})
    assert find_differences(original, replay) == (
        Difference(what="holdout hash", original="e" * 16, replay="0123456789abcdef"),
        Difference(what="fires in the holdout", original="7", replay="8"),
        Difference(what="relative gain", original="+1.7143%", replay="+0.0000%"),
        Difference(what="outcome", original="PROMOTED", replay="KEPT"),
        Difference(what="reason", original="SUPERIOR", replay="NOT_SUPERIOR"),
    )


def test_a_replay_against_another_champion_says_so() -> None:
    payload = example_payload(CASES["superior"])
    assert payload.champion is not None
    second = payload.model_copy(update={"champion": payload.champion.model_copy(update={"version": 2})})
    none = payload.model_copy(update={"champion": None})
    assert find_differences(payload, second) == (Difference(what="champion", original="1", replay="2"),)
    assert find_differences(payload, none) == (Difference(what="champion", original="1", replay="none"),)


def test_the_row_is_canonical_json_without_nan() -> None:
    text = example_payload(CASES["too few"]).to_json()
    assert "NaN" not in text
    assert json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False) == text


ALARM = Alarm(
    version=1,
    change=FIRST_DAY,
    looked_at=dt.datetime(2024, 5, 20, 8, 30, tzinfo=dt.UTC),
    chart=6.5,
    limit=5.0,
    said="the champion loses more than it expects to",
)


def test_a_row_that_no_alarm_asked_for_is_written_as_it_was_before_alarms_could_ask() -> None:
    payload = example_payload(example_case(GAINS))
    assert '"alarm"' not in payload.to_json().replace('"alarm_', "")
    assert payload.summary == payload.decision.sentence
    assert payload.model_dump().keys() == set(DecisionPayload.model_fields) - NOT_WRITTEN_IF_NONE


def test_a_row_that_an_alarm_asked_for_says_so_in_one_sentence_and_reads_back() -> None:
    plain = example_payload(example_case(GAINS))
    payload = plain.model_copy(update={"alarm": ALARM})
    assert read_payload(entry_of(payload)) == payload
    row = draft_decision(payload, model_name=MODEL, idempotency_key="k", champion=1, stamp=STAMP)
    said = "An alarm of 2024-05-20 on version 1 asked for it: the champion loses more than it expects to."
    assert row.summary == f"{plain.decision.sentence} {said}"
    page = render_decision_page(row, payload)
    assert said in page
    assert "The alarm that asked for it" in page
    assert "The alarm that asked for it" not in render_decision_page(row, plain)


def test_a_row_whose_alarm_was_edited_does_not_follow_from_its_payload() -> None:
    payload = example_payload(example_case(GAINS)).model_copy(update={"alarm": ALARM})
    key = draft_decision(payload, model_name=MODEL, idempotency_key="k", champion=1, stamp=STAMP)
    entry = FakeLedger().append(key)
    assert find_other_columns_of_decision(entry, payload) == []
    other = payload.model_copy(update={"alarm": ALARM.model_copy(update={"said": "all is well"})})
    assert find_other_columns_of_decision(entry, other) == ["summary"]
