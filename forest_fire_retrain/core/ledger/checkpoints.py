"""Checkpoints: what the ledger came to at some number of rows, in the form that transparency logs sign and keep.

The form is C2SP's: a checkpoint (https://c2sp.org/tlog-checkpoint) is a signed note (https://c2sp.org/signed-note)::

    forest-fire-retrain/ledger-0123456789abcdef
    42
    <root of the Merkle tree over the first 42 rows, base64>

    — forest-fire-retrain/ledger-0123456789abcdef <key id and Ed25519 signature, base64>

Rules
-----
- The origin names the ledger by the hash of its first row: a ledger rewritten from there on is another ledger.
- A signature covers the text with its last newline, and nothing behind it.
- Reading is strict: what can be written in one way only is read in that way only, so that no byte goes unnoticed.
- Nothing of a note counts before its signature was checked under a key that somebody trusts.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple, Self

from forest_fire_retrain.core.decision.wording import counted
from forest_fire_retrain.core.errors import ProofError
from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.core.ledger.merkle import HASH_LENGTH, MerkleTree
from forest_fire_retrain.core.ledger.ports import IsSigned, Signer

ED25519 = b"\x01"
"""The byte of this kind of signature (signed-note, "Signature types")."""

KEY_ID_LENGTH, KEY_LENGTH, SIGNATURE_LENGTH = 4, 32, 64
ORIGIN_DIGITS = 16
SHOWN_LENGTH = 40
DASH = "\u2014"
SIGNATURE_LINE = re.compile(rf"{DASH} (?P<name>[^\s+]+) (?P<signature>[A-Za-z0-9+/]+=*)\n")
SIZE = re.compile(r"0|[1-9][0-9]{0,17}")
TEXT_LINES = 3


class PublicKey(NamedTuple):
    """A public key with the name that it signs under.

    Attributes
    ----------
    name : str
        The origin of the checkpoints that it signs.
    key : bytes
        The 32 bytes of RFC 8032.
    """

    name: str
    key: bytes

    @property
    def key_id(self) -> bytes:
        """First four bytes of SHA-256 over name, newline, kind and key (signed-note, "Ed25519 signatures")."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.key).digest()[:KEY_ID_LENGTH]

    def __str__(self) -> str:
        """One line, as programs that check such notes take it: `name+id+key`."""
        return f"{self.name}+{self.key_id.hex()}+{_encode(ED25519 + self.key)}"

    @classmethod
    def read(cls, line: str) -> Self:
        """The key that `str` wrote.

        Raises
        ------
        ProofError
            If the line is none.
        """
        name, key_id, encoded = (*line.strip().split("+", 2), "", "")[:3]
        kind_and_key = _decode(encoded) or b""
        made = cls(name, kind_and_key[len(ED25519) :])
        if len(made.key) != KEY_LENGTH or str(made) != line.strip():
            msg = (
                f"{_begin(line)!r} is no public key; it has to be a line NAME+ID+KEY, with ID {key_id[:8]!r} of that "
                "name and key, as forest-fire witness prints it"
            )
            raise ProofError(msg)
        return made


class Checkpoint(NamedTuple):
    """What a ledger came to.

    Attributes
    ----------
    origin : str
        Which ledger.
    size : int
        Number of rows.
    root : bytes
        Root of the Merkle tree over their hashes.
    """

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{_encode(self.root)}\n"

    def __str__(self) -> str:
        """For people."""
        return f"{counted(self.size, 'row')} (root {self.root.hex()[:ORIGIN_DIGITS]})"


class SignedNote(NamedTuple):
    """A text with the lines that sign it, none of them checked.

    Attributes
    ----------
    text : str
        What is signed, with its last newline.
    signatures : tuple of str
        The lines behind it, with their newlines.
    """

    text: str
    signatures: tuple[str, ...]

    def __str__(self) -> str:
        """The note as it was read."""
        return f"{self.text}\n{''.join(self.signatures)}"

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint that the text is.

        Raises
        ------
        ProofError
            If it is none.
        """
        lines = self.text.split("\n")[:-1]
        root = _decode(lines[2]) if len(lines) == TEXT_LINES else None
        if root is None or len(root) != HASH_LENGTH or not lines[0] or not SIZE.fullmatch(lines[1]):
            msg = f"{_begin(self.text)!r} is no checkpoint; it has to be three lines: origin, number of rows, root"
            raise ProofError(msg)
        return Checkpoint(lines[0], int(lines[1]), root)


def read_keys(written: str) -> list[PublicKey]:
    """The public keys of a text, one a line.

    Raises
    ------
    ProofError
        If a line is none, or there is no line.
    """
    return [PublicKey.read(line) for line in written.strip().splitlines() or [""]]


def _begin(text: str) -> str:
    """The beginning of what cannot be read, for a message: too little to show a key that was given by mistake."""
    first = text.strip().split("\n")[0]
    return first if len(first) <= SHOWN_LENGTH else f"{first[:SHOWN_LENGTH]}…"


def leaves_of(entries: Sequence[LedgerEntry]) -> list[bytes]:
    """The leaves of the ledger's tree: the rows' hashes, 32 bytes each."""
    return [bytes.fromhex(entry.entry_hash) for entry in entries]


def origin_of_ledger(first_row_hash: str) -> str:
    """The name of the ledger whose first row has this hash."""
    return f"forest-fire-retrain/ledger-{first_row_hash[:ORIGIN_DIGITS]}"


def take_checkpoint(entries: Sequence[LedgerEntry], tree: MerkleTree | None = None) -> Checkpoint:
    """What the rows come to; there has to be one.

    Parameters
    ----------
    entries : sequence of LedgerEntry
        All rows of the ledger.
    tree : MerkleTree, optional
        The tree over them, where it is made already.
    """
    whole = tree or MerkleTree(leaves_of(entries))
    return Checkpoint(origin_of_ledger(entries[0].entry_hash), whole.size, whole.root())


def sign_text(text: str, signer: Signer, name: str) -> str:
    """The line that signs `text`, which ends in a newline, under `name`."""
    signature = signer.sign(text.encode())
    return f"{DASH} {name} {_encode(PublicKey(name, signer.public_key).key_id + signature)}\n"


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> str:
    """The signed checkpoint, ready to be kept."""
    return str(SignedNote(checkpoint.text, (sign_text(checkpoint.text, signer, checkpoint.origin),)))


def read_notes(written: str) -> list[SignedNote]:
    """All notes of a text, one behind the other, oldest first.

    Raises
    ------
    ProofError
        If there is anything in it that belongs to no note, or nothing at all.
    """
    notes, rest = list[SignedNote](), written
    while rest:
        text, blank, rest = rest.partition(f"\n\n{DASH} ")
        lines, rest = _split_signatures(f"{DASH} {rest}" if blank else "")
        if not lines:
            msg = f"{_begin(text)!r} is not followed by a blank line and a signature; nothing of it was believed"
            raise ProofError(msg)
        notes.append(SignedNote(f"{text}\n", lines))
        rest = rest.removeprefix("\n")  # a blank line between notes
    if not notes:
        msg = "there is no checkpoint in it. Keep the lines that forest-fire witness prints, all of them"
        raise ProofError(msg)
    return notes


def _split_signatures(written: str) -> tuple[tuple[str, ...], str]:
    lines = list[str]()
    while (found := SIGNATURE_LINE.match(written)) is not None:
        lines.append(found.group())
        written = written[found.end() :]
    return tuple(lines), written


def is_signed_by(note: SignedNote, key: bytes, is_signed: IsSigned) -> bool:
    """Whether a line of the note is the signature of `key`, under whatever name the line says.

    A line of another key is passed over; a line that names this key and does not hold is no.

    Parameters
    ----------
    note : SignedNote
        What is signed.
    key : bytes
        A public key that is trusted, 32 bytes.
    is_signed : callable
        The signature algorithm.
    """
    found = False
    for line in note.signatures:
        _, name, encoded = line.rstrip("\n").split(" ")
        signature = _decode(encoded) or b""
        if signature[:KEY_ID_LENGTH] != PublicKey(name, key).key_id:
            continue
        if not is_signed(key, note.text.encode(), signature[KEY_ID_LENGTH:]):
            return False
        found = True
    return found


def is_signed_by_any(note: SignedNote, keys: Sequence[bytes], is_signed: IsSigned) -> bool:
    """Whether the note is signed by one of the keys; see `is_signed_by`."""
    return any(is_signed_by(note, key, is_signed) for key in keys)


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode(text: str) -> bytes | None:
    """The bytes that are written as `text`, and as nothing else; `None` if there are none."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if _encode(data) == text else None
