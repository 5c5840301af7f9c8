"""Several models that answer together: who they are, and with what shares.

Rules
-----
- Shares come from the ledger's newest row of weights, while it holds and names the present champion. Who was rolled
  back from since, or is scored no more, is left out, and the others share what it had.
- Whoever has a share has to be scored, from the bytes that were weighed. Otherwise the champion alone answers, as it
  does where fewer than two models have one; why is said in words.
"""

import datetime as dt
from collections.abc import Collection, Mapping

from forest_fire_retrain.core.canonical_json import canonical_json
from forest_fire_retrain.core.errors import LedgerError, list_capped
from forest_fire_retrain.core.ledger.state import LedgerState
from forest_fire_retrain.core.ledger.weights import WeighedMember, WeightsPayload
from forest_fire_retrain.core.records import Record
from forest_fire_retrain.core.serving.shadows import Shadow, ShadowRules, list_shadows

FEWEST = 2


class Part(Record):
    """A model that answers with others.

    Attributes
    ----------
    candidate_id, version : str, int, optional
        Who; the version is `None` of a candidate that was never promoted.
    artifact_sha256 : str
        SHA-256 of its artifact.
    share : float
        Its share of the answer.
    """

    candidate_id: str
    version: int | None
    artifact_sha256: str
    share: float

    @property
    def name(self) -> str:
        """What it is called where no ledger is at hand."""
        return f"candidate {self.candidate_id}" if self.version is None else f"version {self.version}"


class Mixture(Record):
    """Models that answer together, as a row of the log names them.

    Attributes
    ----------
    weights_sha256, weights_row : str, int
        Hash and sequence number of the ledger's row that weighed them.
    parts : tuple of Part
        Whose shares make 1.
    """

    weights_sha256: str
    weights_row: int
    parts: tuple[Part, ...]

    def __str__(self) -> str:
        """One line."""
        shares = ", ".join(f"{part.name} {part.share:.3f}" for part in self.parts)
        return f"{shares} (row {self.weights_row})"

    def to_text(self) -> str:
        """Its canonical JSON, which stands in the log in place of a model's address."""
        return canonical_json(self.model_dump(mode="json"))


def list_members(state: LedgerState, day: dt.date, rules: ShadowRules) -> list[Shadow]:
    """The champion, and whoever is scored beside it on `day`; empty without a champion."""
    held = None if state.champion is None else state.candidates.get(state.champion)
    champion = [] if held is None else [Shadow(held, state.champion, "is the champion", None)]
    return [*champion, *list_shadows(state, day, rules)]


def do_weights_hold(state: LedgerState, day: dt.date) -> bool:
    """Whether the ledger's newest weights hold on `day`, for the present champion."""
    return isinstance(_read_weights(state, day), WeightsPayload)


def find_mixture(state: LedgerState, day: dt.date, rules: ShadowRules, scored: Collection[str]) -> Mixture | str:
    """Who answers on `day` with what shares; a sentence without a full stop where the champion alone does.

    Parameters
    ----------
    state : LedgerState
        What the ledger says.
    day : datetime.date
        A day of the park.
    rules : ShadowRules
        Who is scored beside the champion.
    scored : collection of str
        Candidates that were scored, from proved bytes.
    """
    payload = _read_weights(state, day)
    if isinstance(payload, str) or state.weights is None:
        return str(payload)
    members = {member.candidate.candidate_id: member for member in list_members(state, day, rules)}
    held = [m for m in payload.members if m.weight > 0 and _may_answer(m, members, state)]
    lacking = [m.name for m in held if m.candidate_id not in scored]
    other = [m.name for m in held if members[m.candidate_id].candidate.stored.artifact_sha256 != m.artifact_sha256]
    if lacking or other:
        why = "was not scored" if lacking else "is another artifact than the one that was weighed"
        return f"{list_capped(lacking or other)} has a share and {why}"
    if len(held) < FEWEST:
        return f"{held[0].name if held else 'no model'} alone has weight (row {state.weights.sequence})"
    total = sum(member.weight for member in held)
    parts = tuple(
        Part(
            candidate_id=member.candidate_id,
            version=members[member.candidate_id].version,
            artifact_sha256=member.artifact_sha256,
            share=member.weight / total,
        )
        for member in held
    )
    return Mixture(weights_sha256=state.weights.entry_hash, weights_row=state.weights.sequence, parts=parts)


def _read_weights(state: LedgerState, day: dt.date) -> WeightsPayload | str:
    """The weights that hold on `day`, or why none do."""
    if state.weights is None:
        return "the ledger holds no weights yet"
    try:
        payload = WeightsPayload.read(state.weights)
    except LedgerError as error:
        return str(error).rstrip(".")
    row = f"row {state.weights.sequence}"
    if not payload.day <= day < payload.until:
        return f"the weights of {payload.day} ({row}) hold until {payload.until} only"
    champion = None if state.champion is None else state.candidates.get(state.champion)
    if champion is None or champion.candidate_id != payload.champion.candidate_id:
        return f"the weights of {payload.day} ({row}) are those of another champion, {payload.champion.name}"
    return payload


def _may_answer(member: WeighedMember, members: Mapping[str, Shadow], state: LedgerState) -> bool:
    return member.candidate_id in members and not state.is_quarantined(member.candidate_id)
