"""What goes into a pack of evidence beside what the ledger proves: the cards of both models, the decision explained."""

from collections.abc import Callable, Sequence

from forest_fire_retrain.core.errors import NotReproducedError, RefusedRequestError
from forest_fire_retrain.core.ledger.decision_payload import read_payload
from forest_fire_retrain.core.ledger.entries import LedgerEntry
from forest_fire_retrain.core.ledger.model_card import model_card
from forest_fire_retrain.core.ledger.state import fold, origin_of

CANDIDATE_CARD, CHAMPION_CARD = "candidate_card.md", "champion_card.md"
EXPLANATION, NOT_EXPLAINED = "explanation.html", "not_explained.txt"


def attachments_for(entries: Sequence[LedgerEntry], partition_key: str, explain: Callable[[], str]) -> dict[str, bytes]:
    """Name to content of what is attached to the evidence on a period; nothing where it was never decided live.

    Parameters
    ----------
    entries : sequence of LedgerEntry
        The rows of one model.
    partition_key : str
        The period.
    explain : callable
        Makes the page that explains its decision. Where it cannot be made, the reason is attached in its place.
    """
    decision = fold(entries).decisions.get(partition_key)
    if decision is None:
        return {}
    files = {CANDIDATE_CARD: model_card(decision)}
    champion = read_payload(decision).champion
    origin = None if champion is None else origin_of(entries, champion.version)
    if origin is not None:
        files[CHAMPION_CARD] = model_card(origin)
    try:
        files[EXPLANATION] = explain()
    except (NotReproducedError, RefusedRequestError) as error:
        files[NOT_EXPLAINED] = f"{error}\n"
    return {name: text.encode() for name, text in files.items()}
