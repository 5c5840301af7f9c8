"""The product's own rule over a replayed history: the pure functions of a retraining, fed from memory."""

import datetime as dt
from typing import NamedTuple

import numpy as np

from forest_fire_retrain.backtest.candidates import TrainedCandidate, days_of, predict_climatology
from forest_fire_retrain.backtest.panel import Panel
from forest_fire_retrain.backtest.rules import NO_CHAMPION, Promotion
from forest_fire_retrain.core.decision.adjudication import adjudicate
from forest_fire_retrain.core.decision.case import Challenger, ChampionFacts, Decision, LedgerFacts
from forest_fire_retrain.core.decision.case_building import build_case, find_suspect_windows
from forest_fire_retrain.core.decision.label_gate import is_tainted
from forest_fire_retrain.core.decision.scored_rows import RAW_MEASURES, NullShares, ScoredHoldout, ScoredRows
from forest_fire_retrain.core.decision.shared_days import leave_out_shared
from forest_fire_retrain.core.decision.thresholds import DecisionRule
from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.decision.window_evidence import LabelCount, WindowEvidence
from forest_fire_retrain.core.models.model_rows import hash_probabilities
from forest_fire_retrain.core.windows import Interval


class Reigning(NamedTuple):
    """The champion, its version, which is its place among the candidates, and why it was promoted."""

    version: int
    candidate: TrainedCandidate
    promoted_for: ReasonCode


class ProductRule:
    """Decides period after period as the pipeline does, remembering what the ledger would.

    Parameters
    ----------
    panel : Panel
        The history.
    rule : DecisionRule
        The thresholds.
    """

    def __init__(self, panel: Panel, rule: DecisionRule) -> None:
        self._panel, self._rule = panel, rule
        self._champion: Reigning | None = None
        self._decided: list[WindowEvidence] = []
        self._counted: list[WindowEvidence] = []
        self._newest: TrainedCandidate | None = None
        self.promotions: list[Promotion] = []
        self.decisions: list[Decision] = []
        self._blocked_by: ReasonCode | None = None
        self._blocked_in_a_row = 0

    def decide(self, place: int, candidate: TrainedCandidate, restart: dt.date | None = None) -> WindowEvidence:
        """Judge the candidate of decision `place` and promote it if the rule says so; the window's evidence.

        Parameters
        ----------
        place : int
            Number of the decision; it becomes the candidate's version.
        candidate : TrainedCandidate
            The challenger.
        restart : datetime.date, optional
            Windows that begin before it are no evidence any more.
        """
        suspect = self._find_suspect(candidate.windows.as_of)
        facts = None if self._champion is None else self._facts_of(self._champion, candidate.windows.holdout, suspect)
        case = build_case(
            self._score(candidate),
            self._challenger_of(candidate),
            facts,
            earlier=[window for window in self._counted if restart is None or window.window.start >= restart],
            just_before=self._counted,
            suspect=suspect,
            rule=self._rule,
            ledger=LedgerFacts(blocked_by=self._blocked_by, blocked_in_a_row=self._blocked_in_a_row),
        )
        decision = adjudicate(case, self._rule)
        self._decided.append(case.newest)
        self._counted = leave_out_shared([*self._counted, case.newest])
        self._newest = candidate
        self.decisions.append(decision)
        self._count_blocks(decision)
        if decision.outcome is Outcome.PROMOTED:
            replaced = NO_CHAMPION if self._champion is None else self._champion.version
            self.promotions.append(Promotion(place, replaced, str(decision.reason_code)))
            self._champion = Reigning(place, candidate, decision.reason_code)
        return case.newest

    @property
    def reasons(self) -> list[str]:
        """Outcome and reason of each decision."""
        return [f"{decision.outcome}:{decision.reason_code}" for decision in self.decisions]

    def _count_blocks(self, decision: Decision) -> None:
        """Remember which guardrail rejects one candidate after the other."""
        code = decision.reason_code if decision.outcome is Outcome.REJECTED_BY_GUARDRAIL else None
        again = self._blocked_in_a_row if code is self._blocked_by else 0
        self._blocked_by, self._blocked_in_a_row = code, 0 if code is None else again + 1

    def is_tainted(self, candidate: TrainedCandidate, day: dt.date) -> bool:
        """Whether, by the reports known before `day`, a candidate was trained on suspect labels."""
        suspect = self._find_suspect(day)
        return is_tainted(candidate.windows.training, self._count_fires(candidate), suspect, self._rule)

    def _find_suspect(self, as_of: dt.date) -> list[LabelCount]:
        flagged = [window for window in self._decided if window.labels_are_suspect]
        return find_suspect_windows(
            flagged, lambda window: int(self._panel.labels_known_at(as_of, window).sum()), self._rule
        )

    def _score(self, candidate: TrainedCandidate) -> ScoredHoldout:
        panel, window = self._panel, candidate.windows.holdout
        champion = None if self._champion is None else self._champion.candidate.probabilities_on(window).ravel()
        before = self._newest if self._champion is None else None
        shares = panel.null_shares(window)
        n_rows = window.n_days * panel.n_cells
        rows = ScoredRows(
            window=window,
            dates=days_of(window).repeat(panel.n_cells),
            regions=np.tile(panel.regions, window.n_days),
            labels=panel.labels_known_at(candidate.windows.as_of, window).ravel(),
            challenger=candidate.probabilities_on(window).ravel(),
            climatology=predict_climatology(candidate.climatology, window).ravel(),
            champion=champion,
            predecessor=None if before is None else before.probabilities_on(window).ravel(),
        )
        return ScoredHoldout(
            rows=rows,
            champion_hash=None if champion is None else hash_probabilities(champion),
            champion_fault=None,
            null_shares={name: NullShares(shares[name], candidate.null_shares[name]) for name in RAW_MEASURES},
            n_expected_rows=n_rows,
        )

    def _challenger_of(self, candidate: TrainedCandidate) -> Challenger:
        """The candidate's identity; windows differ between periods, so the period stands for the training rows."""
        windows = candidate.windows
        predictions = hash_probabilities(candidate.probabilities_on(windows.holdout).ravel())
        n_fires = self._count_fires(candidate)
        return Challenger(windows.partition_key, windows.partition_key, predictions, windows, n_fires)

    def _facts_of(self, champion: Reigning, window: Interval, suspect: list[LabelCount]) -> ChampionFacts:
        windows = champion.candidate.windows
        return ChampionFacts(
            version=champion.version,
            candidate_id=windows.partition_key,
            training_hash=windows.partition_key,
            training_cutoff=windows.training_cutoff,
            prediction_hash=hash_probabilities(champion.candidate.probabilities_on(window).ravel()),
            is_tainted=is_tainted(windows.training, self._count_fires(champion.candidate), suspect, self._rule),
            promoted_for=champion.promoted_for,
        )

    def _count_fires(self, candidate: TrainedCandidate) -> int:
        """Fires it was trained on, as they were known then."""
        return int(self._panel.labels_known_at(candidate.windows.as_of, candidate.windows.training).sum())
