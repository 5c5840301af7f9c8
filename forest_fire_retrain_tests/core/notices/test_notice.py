"""A notice is one line per text, whatever others wrote, and is known again by its key."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from forest_fire_retrain.core.notices.notice import LONGEST_SUBJECT, Baseline, Told, find_new, one_line
from forest_fire_retrain_tests.example_evidence import NOON
from forest_fire_retrain_tests.example_notices import HOUR, example_notice


@given(st.text())
def test_no_text_holds_what_breaks_a_line_or_controls_a_terminal(text: str) -> None:
    kept = one_line(text, 100)
    assert not [letter for letter in kept if unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
    assert len(kept) <= 100
    assert kept == kept.strip()


def test_a_header_cannot_be_forged_and_direction_cannot_be_turned() -> None:
    notice = example_notice(subject="a\r\nBcc: all@example.org", sentence="safe\u202egnp.exe\u2028next\x1b[31m")
    assert notice.subject == "a Bcc: all@example.org"
    assert notice.sentence == "safe gnp.exe next [31m."


def test_ordinary_letters_of_any_language_stay() -> None:
    assert one_line("Höhe 3 °C → ≥ 5 % 森林", 100) == "Höhe 3 °C → ≥ 5 % 森林"


def test_a_long_subject_is_cut_and_says_so() -> None:
    assert len(example_notice(subject="x" * 999).subject) == LONGEST_SUBJECT
    assert example_notice(subject="x" * 999).subject.endswith("…")


def test_an_identity_hangs_on_key_and_home_alone() -> None:
    one = example_notice().identity("home")
    assert one == example_notice(sentence="otherwise", at=NOON + HOUR).identity("home")
    assert one != example_notice(key="promotion/8/abc").identity("home")
    assert one != example_notice().identity("another home")


def test_new_are_rows_behind_the_baseline_that_were_not_told() -> None:
    old, told, new = (example_notice(row=row, key=f"promotion/{row}") for row in (3, 5, 6))
    before = [Told("promotion", told.key, matter=None, is_over=False, sentence="told")]
    assert find_new([old, told, new], before, Baseline(NOON + HOUR, 4)) == [new]


def test_a_later_row_in_the_place_of_an_old_one_is_new() -> None:
    replaced = example_notice(row=3, key="promotion/3/other", at=NOON + 2 * HOUR)
    assert find_new([replaced], [], Baseline(NOON + HOUR, 4)) == [replaced]
