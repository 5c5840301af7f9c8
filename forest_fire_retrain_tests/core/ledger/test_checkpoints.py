"""Checkpoints in C2SP's form: to the byte, and nothing else is read as one."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from forest_fire_retrain.adapters.witness_key import is_signed
from forest_fire_retrain.core.errors import ProofError
from forest_fire_retrain.core.ledger.checkpoints import (
    Checkpoint,
    PublicKey,
    is_signed_by,
    leaves_of,
    origin_of_ledger,
    read_notes,
    sign_checkpoint,
    sign_text,
    take_checkpoint,
)
from forest_fire_retrain.core.ledger.entries import EntryKind
from forest_fire_retrain.core.ledger.merkle import MerkleTree
from forest_fire_retrain_tests.example_evidence import draft
from forest_fire_retrain_tests.fakes.ledger import FakeLedger

# The first test of RFC 8032, section 7.1, gives key, public key and the signature over nothing.
SECRET = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
GOLDEN = (
    "forest-fire-retrain/ledger-4bf5122f344554c5\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n\n"
    "\u2014 forest-fire-retrain/ledger-4bf5122f344554c5 "
    "ORbEgksID5vpk4R53ijukb80fvAypzScaJF+L8QuoSMwsMkwvg0qrhBz4hQsNR7QA5PWwqURnO1Brdcsj55cd6o8ZAw=\n"
)
"""Its key id and its signature were computed once more with openssl."""


class KnownKey:
    public_key = PUBLIC

    def sign(self, text: bytes) -> bytes:
        return Ed25519PrivateKey.from_private_bytes(SECRET).sign(text)


KEY = KnownKey()
CHECKPOINT = Checkpoint(origin_of_ledger("4bf5122f344554c5" + "0" * 48), 7, bytes(range(32)))


def three_rows() -> FakeLedger:
    ledger = FakeLedger()
    for kind in (EntryKind.UNFREEZE, EntryKind.REPAIR, EntryKind.EXTERNAL):
        ledger.append(draft(kind))
    return ledger


def test_the_key_of_these_tests_is_that_of_the_standard() -> None:
    assert Ed25519PrivateKey.from_private_bytes(SECRET).public_key().public_bytes_raw() == PUBLIC


def test_a_checkpoint_is_written_in_the_form_that_logs_use() -> None:
    assert sign_checkpoint(CHECKPOINT, KEY) == GOLDEN


def test_the_published_example_of_a_signed_note_is_read_and_its_text_may_hold_blank_lines() -> None:
    """From https://c2sp.org/signed-note: a text with a blank line in it, and a signature under a key not given."""
    written = (
        "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned \u00e8 subito sera.\n\n"
        "\u2014 quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99"
        "ihAQwaqP3ZekRwNtIc=\n"
    )
    (note,) = read_notes(written)
    assert str(note) == written
    assert not is_signed_by(note, PUBLIC, is_signed)


def test_the_published_example_of_a_checkpoint_is_read() -> None:
    """From https://c2sp.org/tlog-checkpoint."""
    written = (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo"
        "+zyWE+xeMcTOAYQ8=\n"
    )
    (note,) = read_notes(written)
    assert (note.checkpoint.origin, note.checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert note.checkpoint.text == note.text


def test_a_public_key_is_one_line_and_comes_back() -> None:
    key = PublicKey("example.com/log", PUBLIC)
    assert PublicKey.read(f" {key}\n") == key
    assert str(key).startswith(f"example.com/log+{key.key_id.hex()}+AddamAGC")
    for place, letter in enumerate(str(key)):
        with pytest.raises(ProofError, match="no public key"):
            PublicKey.read(str(key)[:place] + chr(ord(letter) ^ 1) + str(key)[place + 1 :])


def test_the_checkpoint_of_a_ledger_names_it_by_its_first_row_and_covers_all_rows() -> None:
    rows = three_rows().entries()
    made = take_checkpoint(rows)
    assert made == (f"forest-fire-retrain/ledger-{rows[0].entry_hash[:16]}", 3, MerkleTree(leaves_of(rows)).root())
    assert take_checkpoint(rows[:2]).origin == made.origin
    assert take_checkpoint(rows[:2]).root == MerkleTree(leaves_of(rows)).root(2)


def test_every_changed_byte_of_a_checkpoint_is_found() -> None:
    written = sign_checkpoint(CHECKPOINT, KEY).encode()
    assert is_signed_by(read_notes(written.decode())[0], PUBLIC, is_signed)
    for place in range(len(written)):
        for bit in range(8):
            changed = written[:place] + bytes([written[place] ^ (1 << bit)]) + written[place + 1 :]
            try:
                notes = read_notes(changed.decode())
            except (UnicodeDecodeError, ProofError):
                continue
            assert not all(is_signed_by(note, PUBLIC, is_signed) for note in notes), (place, bit)


def test_several_checkpoints_of_one_file_are_all_read() -> None:
    written = [sign_checkpoint(CHECKPOINT._replace(size=size), KEY) for size in (1, 5, 7)]
    for between in ("", "\n"):
        notes = read_notes(between.join(written))
        assert [note.checkpoint.size for note in notes] == [1, 5, 7]
        assert [str(note) for note in notes] == written
        assert all(is_signed_by(note, PUBLIC, is_signed) for note in notes)


def test_signatures_of_other_keys_are_passed_over_and_one_of_this_key_that_does_not_hold_is_no() -> None:
    other = Ed25519PrivateKey.generate()

    class OtherKey:
        public_key = other.public_key().public_bytes_raw()
        sign = staticmethod(other.sign)

    text, name = CHECKPOINT.text, CHECKPOINT.origin
    foreign, own = sign_text(text, OtherKey(), "witness.example/w1"), sign_text(text, KEY, name)
    wrong = sign_text(CHECKPOINT._replace(size=8).text, KEY, name)
    for lines, holds in (([foreign, own], True), ([foreign], False), ([own, wrong], False), ([wrong], False)):
        (note,) = read_notes(f"{text}\n{''.join(lines)}")
        assert len(note.signatures) == len(lines)
        assert is_signed_by(note, PUBLIC, is_signed) is holds


@pytest.mark.parametrize(
    "written",
    [
        "",
        "\n",
        "origin\n7\n" + "A" * 43 + "=\n",
        GOLDEN.replace("\n\n", "\n"),
        GOLDEN.replace("\u2014", "-"),
        GOLDEN.rstrip("\n"),
        GOLDEN + "more\n",
        GOLDEN.replace("forest", "fo rest"),
    ],
)
def test_what_is_no_note_is_refused(written: str) -> None:
    with pytest.raises(ProofError, match=r"Keep the lines|not followed by"):
        read_notes(written)


@pytest.mark.parametrize("text", ["a\n7\n", "a\n07\nAAAA\n", "a\n-1\nAAAA\n", "a\n7\nAAAA\n", "\n7\nAAAA\n"])
def test_a_note_that_is_no_checkpoint_is_none(text: str) -> None:
    (note,) = read_notes(f"{text}\n{sign_text(text, KEY, 'a')}")
    assert is_signed_by(note, PUBLIC, is_signed)
    with pytest.raises(ProofError, match="no checkpoint"):
        _ = note.checkpoint


def test_the_root_stands_in_the_text_as_base64() -> None:
    assert CHECKPOINT.text.split("\n")[2] == base64.b64encode(bytes(range(32))).decode()
