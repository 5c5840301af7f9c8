"""What is proved to people outside, and how those are found out who cheat with the home in their hands."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forest_fire_retrain.adapters.ledger_export import CHECKPOINT_FILE, read_checkpoint, read_export
from forest_fire_retrain.adapters.witness_key import WitnessKey
from forest_fire_retrain.core.errors import LedgerTamperedError, ProofError, RefusedRequestError
from forest_fire_retrain.core.ledger.checkpoints import PublicKey, read_notes, sign_checkpoint, take_checkpoint
from forest_fire_retrain.core.ledger.entries import GENESIS_HASH, EntryKind, LedgerEntry, find_first_fault, seal
from forest_fire_retrain.installation import PublishedLedger
from forest_fire_retrain.operations import publish
from forest_fire_retrain.pipeline.custody.witnessing import check_own_checkpoint
from forest_fire_retrain.proofs import check_checkpoints, witness
from forest_fire_retrain.verification import check_exported_checkpoint
from forest_fire_retrain_tests.example_evidence import draft
from forest_fire_retrain_tests.fakes.ledger import FakeLedger

N_ROWS = 9


def seal_again(rows: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    """The rows as a chain that is sound in itself: what somebody does who rewrites a ledger and knows how."""
    chain, last = list[LedgerEntry](), GENESIS_HASH
    for place, row in enumerate(rows, start=1):
        chain.append(seal(row, place, last))
        last = chain[-1].entry_hash
    assert find_first_fault(chain) is None
    return chain


class Home(NamedTuple):
    ledger: FakeLedger
    folder: Path

    @property
    def published(self) -> PublishedLedger:
        key = WitnessKey(self.folder / "witness.key", is_made=True)
        return PublishedLedger(self.ledger, self.folder / "export", "forest_fire_risk", key)

    def write(self, n_rows: int) -> None:
        for number in range(n_rows):
            self.ledger.append(draft(EntryKind.REPAIR, summary=f"Row {len(self.ledger.rows)} of {number}."))

    def rewrite(self, sequence: int, **changes: object) -> None:
        """Edit a row and recompute the whole chain."""
        rows = list(self.ledger.rows)
        rows[sequence - 1] = rows[sequence - 1].model_copy(update={"summary": "Better.", **changes})
        self.ledger.rows[:] = seal_again(rows)

    def faults(self, kept: str, key: str | None = None) -> list[str]:
        return [fault.what for fault in check_checkpoints(self.published, kept, key)[1]]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(FakeLedger(), tmp_path / "home")
    made.write(N_ROWS)
    return made


def test_a_ledger_without_rows_has_nothing_to_witness(tmp_path: Path) -> None:
    empty = Home(FakeLedger(), tmp_path)
    with pytest.raises(RefusedRequestError, match="no row yet"):
        witness(empty.published)
    publish(empty.published)
    assert read_checkpoint(tmp_path / "export") is None
    assert not (tmp_path / "witness.key").exists()


def test_what_is_witnessed_is_proved_later_and_what_is_younger_is_named(home: Home) -> None:
    kept = witness(home.published).note
    assert check_checkpoints(home.published, kept)[0][0].endswith("in their order; these are all.")
    home.write(2)
    (proved,), faults = check_checkpoints(home.published, kept)
    assert faults == []
    assert proved.startswith(f"The first {N_ROWS} rows of the ledger are those that the checkpoint of {N_ROWS} rows")
    assert "of 2 younger rows behind them it says nothing" in proved


def test_checkpoints_are_appended_once_each_and_all_of_them_are_checked(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "checkpoints.txt"
    said = [witness(home.published, append_to=file).is_appended for _ in range(2)]
    home.write(3)
    said.append(witness(home.published, append_to=file).is_appended)
    kept = file.read_text(encoding="utf-8")
    assert said == [True, False, True]
    assert [note.checkpoint.size for note in read_notes(kept)] == [N_ROWS, N_ROWS + 3]
    assert len(check_checkpoints(home.published, kept)[0]) == 2
    home.rewrite(N_ROWS + 2)
    proved, faults = check_checkpoints(home.published, kept)
    assert (len(proved), len(faults)) == (1, 1)
    with pytest.raises(LedgerTamperedError, match="Nothing was signed"):
        witness(home.published, append_to=file)
    assert file.read_text(encoding="utf-8") == kept


@pytest.mark.parametrize("mailed", ["\ufeff{}", "\n\n{}\n\n", "CRLF"])
def test_what_went_through_a_mail_still_proves(home: Home, mailed: str) -> None:
    kept = witness(home.published).note
    received = kept.replace("\n", "\r\n") if mailed == "CRLF" else mailed.format(kept)
    assert home.faults(received) == []


@given(st.integers(1, N_ROWS), st.integers(1, N_ROWS))
def test_a_ledger_that_is_rewritten_with_a_sound_chain_is_found_out(
    tmp_path_factory: pytest.TempPathFactory, touched: int, size: int
) -> None:
    home = Home(FakeLedger(), tmp_path_factory.mktemp("home"))
    home.write(size)
    kept = witness(home.published).note
    home.write(N_ROWS - size)
    assert home.faults(kept) == []
    home.rewrite(touched)
    assert len(home.faults(kept)) == (touched <= size)


@given(st.permutations(range(5)), st.sets(st.integers(0, 4)))
def test_rows_that_are_moved_or_removed_are_found_out(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], removed: set[int]
) -> None:
    home = Home(FakeLedger(), tmp_path_factory.mktemp("home"))
    home.write(5)
    kept, rows = witness(home.published).note, list(home.ledger.rows)
    home.ledger.rows[:] = seal_again([rows[place] for place in order if place not in removed])
    assert bool(home.faults(kept)) == (home.ledger.rows != rows)


def test_a_ledger_that_is_truncated_is_found_out_although_its_chain_is_sound(home: Home) -> None:
    kept = witness(home.published).note
    del home.ledger.rows[-1]
    assert find_first_fault(home.ledger.rows) is None
    (what,) = home.faults(kept)
    assert "has 1 row more than the ledger with its 8" in what
    home.ledger.rows.clear()
    assert "has 9 rows more" in home.faults(kept)[0]


def test_an_edited_row_proves_nothing_although_the_hashes_are_the_old_ones(home: Home) -> None:
    kept = witness(home.published).note
    home.ledger.edit_by_hand(3, summary="Better.")
    (what,) = home.faults(kept)
    assert "nothing can be proved by a ledger whose row 3: its content does not match" in what
    with pytest.raises(LedgerTamperedError, match="row 3"):
        witness(home.published)


def test_a_checkpoint_that_somebody_else_signed_is_none(home: Home, tmp_path: Path) -> None:
    forger = WitnessKey(tmp_path / "forger.key", is_made=True)
    forged = sign_checkpoint(take_checkpoint(home.ledger.rows), forger)
    honest = witness(home.published)
    assert "is not signed by the key" in home.faults(forged)[0]
    assert honest.public_key in home.faults(forged)[0]
    home.rewrite(2)
    (tmp_path / "home" / "witness.key").unlink()  # the cheat replaces the home's key too
    new = witness(home.published)
    assert home.faults(honest.note) != []
    assert home.faults(honest.note, honest.public_key) != []
    assert home.faults(new.note) == []
    assert "is not signed by the key" in home.faults(new.note, honest.public_key)[0]


def test_a_checkpoint_of_another_ledger_is_named_as_one(home: Home, tmp_path: Path) -> None:
    other = Home(FakeLedger(), tmp_path / "home")
    other.ledger.append(draft(EntryKind.UNFREEZE))
    assert "not of this ledger" in home.faults(witness(other.published).note)[0]


def test_an_old_checkpoint_shown_again_proves_its_own_rows_and_no_more(home: Home) -> None:
    old = witness(home.published).note
    home.write(1)
    newer = witness(home.published).note
    home.rewrite(N_ROWS + 1)
    assert home.faults(old) == []  # the cheat shows the old one
    assert "1 younger row behind them it says nothing" in check_checkpoints(home.published, old)[0][0]
    assert len(home.faults(old + newer)) == 1


def test_the_export_bears_the_checkpoint_and_is_not_written_over_one_that_it_contradicts(home: Home) -> None:
    publish(home.published)
    folder, rows = home.published.export_folder, home.ledger.rows
    written = (folder / CHECKPOINT_FILE).read_text(encoding="utf-8")
    assert [note.checkpoint for note in read_notes(written)] == [take_checkpoint(rows)]
    key = PublicKey.read((folder / "witness.pub").read_text(encoding="utf-8"))
    assert key.key == home.published.signer.public_key
    assert check_own_checkpoint(rows, written) == []
    (folder / "ledger.parquet").unlink()  # the cheat removes the copy that knows better, and forgets the checkpoint
    home.rewrite(4)
    (fault,) = check_own_checkpoint(home.ledger.rows, written)
    assert (fault.where, fault.repairable) == ("ledger", False)
    with pytest.raises(LedgerTamperedError, match="Nothing was written or signed"):
        publish(home.published)
    with pytest.raises(LedgerTamperedError, match="Nothing was signed"):
        witness(home.published)
    publish(home.published, force=True)
    assert check_own_checkpoint(home.ledger.rows, read_checkpoint(folder)) == []


def test_a_key_that_cannot_be_used_leaves_a_whole_copy_and_says_so(home: Home, tmp_path: Path) -> None:
    missing = home.published._replace(signer=WitnessKey(tmp_path / "none.pem", is_made=False))
    with pytest.raises(ProofError, match=r"the ledger and its copy are complete, .*openssl genpkey.*ledger export"):
        publish(missing)
    assert read_export(home.published.export_folder) == home.ledger.rows
    assert read_checkpoint(home.published.export_folder) is None


def test_a_damaged_checkpoint_of_the_export_is_a_fault_and_written_anew(home: Home) -> None:
    publish(home.published)
    path = home.published.export_folder / CHECKPOINT_FILE
    sound = path.read_bytes()
    path.write_bytes(sound[:-20])
    (fault,) = check_own_checkpoint(home.ledger.rows, read_checkpoint(path.parent))
    assert (fault.where, fault.repair) == ("copy", "forest-fire ledger export")
    publish(home.published)
    assert path.read_bytes() == sound


def test_a_private_key_that_is_given_in_place_of_what_is_public_is_not_shown(home: Home) -> None:
    witness(home.published)
    private = (home.folder / "witness.key").read_text(encoding="utf-8")
    secret = private.splitlines()[1]
    kept = witness(home.published).note
    for mistaken in ((private, None), (kept, private)):
        with pytest.raises(ProofError) as refused:
            check_checkpoints(home.published, *mistaken)
        assert not any(secret[place : place + 6] in str(refused.value) for place in range(len(secret) - 6))


def test_a_checkpoint_beside_the_copy_that_cannot_be_read_is_a_sentence(home: Home) -> None:
    publish(home.published)
    path = home.published.export_folder / CHECKPOINT_FILE
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProofError, match=r"checkpoint\.txt .*: forest-fire ledger export"):
        witness(home.published)
    with pytest.raises(ProofError, match=r"checkpoint\.txt is no text"):
        read_checkpoint(path.parent)
    publish(home.published)
    path.write_text("hello\n", encoding="utf-8")
    with pytest.raises(ProofError, match=r"checkpoint\.txt: .*'hello' .*forest-fire ledger export"):
        witness(home.published)


def test_a_file_of_checkpoints_that_breaks_off_is_named_with_what_to_do(home: Home, tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text(witness(home.published).note[:-30], encoding="utf-8")
    with pytest.raises(ProofError, match=r"kept\.txt: .* another file"):
        witness(home.published, append_to=kept)


def test_a_ledger_that_was_restored_on_purpose_is_told_how_it_is_witnessed_again(home: Home, tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    witness(home.published, append_to=kept)
    publish(home.published)
    del home.ledger.rows[-3:]
    home.ledger.append(draft(EntryKind.MIGRATION, summary="Restored."))
    with pytest.raises(LedgerTamperedError, match=r"checkpoint\.txt.* forest-fire ledger export --force"):
        witness(home.published)
    publish(home.published, force=True)
    with pytest.raises(LedgerTamperedError, match=r"kept\.txt.*restored on purpose.*--append"):
        witness(home.published, append_to=kept)
    assert witness(home.published, append_to=tmp_path / "new.txt").is_appended


def test_a_key_that_was_replaced_leaves_what_it_signed_provable(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "kept.txt"
    publish(home.published)
    old = witness(home.published, append_to=file).public_key
    (home.folder / "witness.key").unlink()
    new = witness(home.published, append_to=file).public_key
    kept = file.read_text(encoding="utf-8")
    (fault,) = check_checkpoints(home.published, kept)[1]
    assert "if the key was replaced, name all public keys, one a line: --key FILE" in str(fault)
    assert "restore" not in fault.repair
    assert home.faults(kept, f"{new}\n{old}\n") == []
    (fault,) = check_exported_checkpoint(home.published, home.ledger.rows)
    assert "names another key first than the one that signs here" in fault.what
    publish(home.published)
    published = (home.published.export_folder / "witness.pub").read_text(encoding="utf-8")
    assert published == f"{new}\n{old}\n"
    publish(home.published)
    assert (home.published.export_folder / "witness.pub").read_text(encoding="utf-8") == published
    assert home.faults(kept, published) == []
    assert check_exported_checkpoint(home.published, home.ledger.rows) == []


@pytest.mark.parametrize(
    ("name", "changed", "said"),
    [
        ("checkpoint.txt", lambda written: written[:-6] + b"AAA=\n", "is not signed by the first key in witness.pub"),
        ("witness.pub", lambda _: b"", "is no public key"),
        ("witness.pub", lambda written: written[:-5] + b"AAAA\n", "is no public key"),
        ("witness.pub", None, "is not signed by the first key in witness.pub"),
        ("checkpoint.txt", lambda _: b"\xff", "is no text"),
    ],
)
def test_a_changed_checkpoint_or_key_beside_the_copy_is_a_fault_and_written_anew(
    home: Home, name: str, changed: Callable[[bytes], bytes] | None, said: str
) -> None:
    publish(home.published)
    path = home.published.export_folder / name
    sound = path.read_bytes()
    if changed is None:
        path.unlink()
    else:
        path.write_bytes(changed(sound))
    (fault,) = check_exported_checkpoint(home.published, home.ledger.rows)
    assert said in fault.what
    assert fault.repair == "forest-fire ledger export"
    publish(home.published)
    assert path.read_bytes() == sound
    assert check_exported_checkpoint(home.published, home.ledger.rows) == []


@pytest.mark.parametrize("rubbish", ["", "hello", "a\n1\nb\n"])
def test_what_is_no_checkpoint_is_refused(home: Home, rubbish: str, tmp_path: Path) -> None:
    witness(home.published)
    with pytest.raises(ProofError):
        check_checkpoints(home.published, rubbish)
    kept = tmp_path / "kept.txt"
    kept.write_text(rubbish)
    if rubbish:
        with pytest.raises(ProofError):
            witness(home.published, append_to=kept)
        assert kept.read_text() == rubbish


def test_a_named_key_signs_in_the_place_of_the_homes_own(home: Home, tmp_path: Path) -> None:
    own = WitnessKey(tmp_path / "department.pem", is_made=True)
    own.sign(b"made")
    named = WitnessKey(tmp_path / "department.pem", is_made=False)
    done = witness(home.published._replace(signer=named))
    assert PublicKey.read(done.public_key).key == own.public_key
    assert not (tmp_path / "home" / "witness.key").exists()
    assert witness(home.published._replace(signer=named)) == done
