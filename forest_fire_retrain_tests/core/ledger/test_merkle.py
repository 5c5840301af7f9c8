"""The Merkle tree against its definition in RFC 9162, written down here as it stands there."""

import hashlib
from collections.abc import Iterator, Sequence
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forest_fire_retrain.core.ledger.merkle import (
    EMPTY_ROOT,
    MerkleTree,
    hash_leaf,
    hash_node,
    is_consistent,
    is_included,
)

ALL_SIZES = range(201)
ALL = range(1, 201)
QUARTER = tuple(range(1, 51, 7))


def leaf(number: int) -> bytes:
    return hashlib.sha256(f"row {number}".encode()).digest()


LEAVES = tuple(leaf(number) for number in range(200))
TREE = MerkleTree(LEAVES)


def split(n_leaves: int) -> int:
    """The largest power of two below."""
    power = 1
    while power * 2 < n_leaves:
        power *= 2
    return power


@cache
def mth(start: int, end: int) -> bytes:
    """MTH(D[start:end]), RFC 9162, 2.1.1."""
    if start == end:
        return hashlib.sha256(b"").digest()
    if end - start == 1:
        return hashlib.sha256(b"\x00" + LEAVES[start]).digest()
    middle = start + split(end - start)
    return hashlib.sha256(b"\x01" + mth(start, middle) + mth(middle, end)).digest()


def path(index: int, start: int, end: int) -> tuple[bytes, ...]:
    """PATH(m, D_n), 2.1.3.1."""
    if end - start == 1:
        return ()
    middle = start + split(end - start)
    if index < middle - start:
        return (*path(index, start, middle), mth(middle, end))
    return (*path(index - (middle - start), middle, end), mth(start, middle))


def subproof(old: int, start: int, end: int, *, is_whole: bool) -> tuple[bytes, ...]:
    """SUBPROOF(m, D_n, b), 2.1.4.1."""
    if old == end - start:
        return () if is_whole else (mth(start, end),)
    middle = start + split(end - start)
    if old <= middle - start:
        return (*subproof(old, start, middle, is_whole=is_whole), mth(middle, end))
    return (*subproof(old - (middle - start), middle, end, is_whole=False), mth(start, middle))


def test_the_root_of_every_size_is_that_of_the_definition() -> None:
    assert [TREE.root(size) for size in ALL_SIZES] == [mth(0, size) for size in ALL_SIZES]
    assert [MerkleTree(LEAVES[:size]).root() for size in ALL_SIZES] == [mth(0, size) for size in ALL_SIZES]


def test_small_trees_are_what_can_be_written_down_by_hand() -> None:
    a, b, c = (hash_leaf(part) for part in LEAVES[:3])
    assert TREE.root(0) == EMPTY_ROOT
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert hash_leaf(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert TREE.root(1) == a
    assert TREE.root(3) == hash_node(hash_node(a, b), c)
    assert TREE.prove_inclusion(2, 3) == (hash_node(a, b),)
    assert TREE.prove_consistency(2, 3) == (c,)


def test_every_row_of_every_size_is_proved_as_the_definition_says() -> None:
    for size in ALL_SIZES:
        root = mth(0, size)
        for index in range(size):
            proof = TREE.prove_inclusion(index, size)
            assert proof == path(index, 0, size)
            assert is_included(LEAVES[index], index, size, proof, root)


def test_every_earlier_size_is_proved_as_the_definition_says() -> None:
    for size in ALL_SIZES:
        for old in range(size + 1):
            proof = TREE.prove_consistency(old, size)
            assert proof == (() if old in (0, size) else subproof(old, 0, size, is_whole=True))
            assert is_consistent(old, mth(0, old), size, mth(0, size), proof)


def changed(data: bytes) -> Iterator[bytes]:
    """Every change of one byte, by one bit that moves along."""
    for place, value in enumerate(data):
        yield data[:place] + bytes([value ^ (1 << place % 8)]) + data[place + 1 :]


def changed_proofs(proof: Sequence[bytes]) -> Iterator[tuple[bytes, ...]]:
    for place, part in enumerate(proof):
        for other in changed(part):
            yield (*proof[:place], other, *proof[place + 1 :])


def expect_every_change_of_an_inclusion_to_be_found(sizes: Sequence[int]) -> None:
    for size in sizes:
        root = mth(0, size)
        for index in range(0, size, 1 + size // 8):
            held, proof = LEAVES[index], path(index, 0, size)
            assert is_included(held, index, size, proof, root)
            assert not any(is_included(other, index, size, proof, root) for other in changed(held))
            assert not any(is_included(held, index, size, other, root) for other in changed_proofs(proof))
            assert not any(is_included(held, index, size, proof, other) for other in changed(root))


def expect_every_change_of_a_consistency_to_be_found(sizes: Sequence[int]) -> None:
    for size in sizes:
        root = mth(0, size)
        for old in range(1, size, 1 + size // 8):
            old_root, proof = mth(0, old), subproof(old, 0, size, is_whole=True)
            assert is_consistent(old, old_root, size, root, proof)
            assert not any(is_consistent(old, old_root, size, root, other) for other in changed_proofs(proof))
            assert not any(is_consistent(old, other, size, root, proof) for other in changed(old_root))
            assert not any(is_consistent(old, old_root, size, other, proof) for other in changed(root))


def test_every_changed_byte_is_found_in_small_trees() -> None:
    expect_every_change_of_an_inclusion_to_be_found(QUARTER)
    expect_every_change_of_a_consistency_to_be_found(QUARTER)


@pytest.mark.slow
def test_every_changed_byte_is_found_in_trees_of_up_to_200_rows() -> None:
    expect_every_change_of_an_inclusion_to_be_found(ALL)
    expect_every_change_of_a_consistency_to_be_found(ALL)


def test_no_other_row_place_or_size_is_proved_by_a_proof() -> None:
    for size in range(1, 40):
        for index in range(size):
            proof, root = path(index, 0, size), mth(0, size)
            places = [place for place in range(-1, 45) if is_included(LEAVES[index], place, size, proof, root)]
            rows = [row for row in range(45) if is_included(LEAVES[row], index, size, proof, root)]
            assert places == rows == [index]


def test_a_proof_that_is_cut_or_prolonged_proves_nothing() -> None:
    for size in range(1, 40):
        root = mth(0, size)
        for other in range(size):
            proof = path(other, 0, size)
            assert not is_included(LEAVES[other], other, size, (*proof, leaf(7)), root)
            assert not proof or not is_included(LEAVES[other], other, size, proof[:-1], root)
            proof = subproof(other, 0, size, is_whole=True) if other else ()
            assert not is_consistent(other, mth(0, other), size, root, (*proof, leaf(7)))
            assert not proof or not is_consistent(other, mth(0, other), size, root, proof[:-1])


@given(st.binary(max_size=40), st.integers(-3, 300), st.integers(-3, 300), st.lists(st.binary(max_size=40), max_size=9))
def test_a_check_says_no_to_rubbish_and_raises_nothing(data: bytes, one: int, other: int, proof: list[bytes]) -> None:
    assert not is_included(data, one, other, proof, TREE.root())
    assert not is_consistent(one, data, other, TREE.root(), proof)


@given(st.integers(1, 200), st.data())
def test_a_log_that_was_rewritten_anywhere_continues_no_earlier_root_behind_it(old: int, data: st.DataObject) -> None:
    touched = data.draw(st.integers(0, old - 1))
    forged = MerkleTree([*LEAVES[:touched], leaf(-1), *LEAVES[touched + 1 :]])
    assert not is_consistent(old, TREE.root(old), 200, forged.root(), forged.prove_consistency(old))
    if touched:
        assert is_consistent(touched, TREE.root(touched), 200, forged.root(), forged.prove_consistency(touched))


@pytest.mark.parametrize(("index", "size"), [(-1, 5), (5, 5), (0, 0), (0, 201), (0, -1)])
def test_what_is_not_there_cannot_be_proved(index: int, size: int) -> None:
    with pytest.raises(ValueError, match=r"^leaf|^the log has"):
        TREE.prove_inclusion(index, size)


@pytest.mark.parametrize(("old", "size"), [(-1, 5), (6, 5), (3, 201)])
def test_a_log_never_was_longer_than_it_is(old: int, size: int) -> None:
    with pytest.raises(ValueError, match="rows"):
        TREE.prove_consistency(old, size)


@given(st.lists(st.integers(0, 9), max_size=40))
def test_a_tree_that_grows_is_the_tree_of_all_its_leaves(steps: list[int]) -> None:
    grown, size = MerkleTree(()), 0
    for step in steps:
        grown.extend(LEAVES[size : size + step])
        size = min(size + step, len(LEAVES))
        whole = MerkleTree(LEAVES[:size])
        assert (grown.size, grown.root()) == (size, mth(0, size))
        assert [grown.root(old) for old in range(size + 1)] == [mth(0, old) for old in range(size + 1)]
        assert size == 0 or grown.prove_inclusion(size - 1) == whole.prove_inclusion(size - 1)
