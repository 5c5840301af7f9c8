"""Asset checks over all periods of a run: one result, failed if one period failed.

Its table has the newest periods, and of the earlier ones those that failed: Dagster stores a result three times. A
single period stands in the words of the result.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import dagster as dg

from forest_fire_retrain.core.decision.wording import counted

MAX_NAMED = 5
N_LISTED = 26
"""Newest periods in the table of a check, and at most as many earlier ones that failed."""


class PeriodFinding(NamedTuple):
    """What a check saw in one period.

    Attributes
    ----------
    partition_key : str
        The period.
    passed : bool
        Whether it is as it should be.
    value, limit : float
        What was observed, and what it is held against.
    sentence : str
        Both in words, without a full stop.
    shown : tuple of str, optional
        Value and limit as people read them; by default the bare figures.
    detail : str, optional
        What stands in the table in place of the sentence.
    """

    partition_key: str
    passed: bool
    value: float
    limit: float
    sentence: str
    shown: tuple[str, str] | None = None
    detail: str | None = None


def check_periods(
    name: str, findings: Sequence[PeriodFinding], *, severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR
) -> dg.AssetCheckResult:
    """The result of check `name`: it passes if it passed in every period, and there was one.

    Its value and limit are those of the first period that failed, or of the last period.
    """
    failed = [finding for finding in findings if not finding.passed]
    if not findings:
        return _refuse(name)
    shown = failed[0] if failed else findings[-1]
    return _result(name, findings, shown, _describe(findings, failed), passed=not failed, severity=severity)


def check_newest_period(name: str, findings: Sequence[PeriodFinding]) -> dg.AssetCheckResult:
    """The result of check `name` on the last period; what it said of earlier ones is done with, and told beside it.

    A guardrail that kept a bad candidate out half a year ago did its work: nobody has to look at it today.
    """
    if not findings:
        return _refuse(name)
    newest, earlier = findings[-1], [finding for finding in findings[:-1] if not finding.passed]
    told = (
        "" if not earlier else f" Earlier in this run it failed in {counted(len(earlier), 'period')}: {_name(earlier)}"
    )
    description = f"{newest.partition_key}: {newest.sentence}.{told}"
    return _result(name, findings, newest, description, passed=newest.passed, severity=dg.AssetCheckSeverity.ERROR)


def _refuse(name: str) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(check_name=name, passed=False, description="No period was looked at.")


def _result(
    name: str,
    findings: Sequence[PeriodFinding],
    shown: PeriodFinding,
    description: str,
    *,
    passed: bool,
    severity: dg.AssetCheckSeverity,
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name,
        passed=passed,
        severity=severity,
        description=description,
        metadata={
            **{
                label: value
                for label, value in (("value", shown.value), ("limit", shown.limit))
                if math.isfinite(value)
            },
            **_list(findings),
        },
    )


def _list(findings: Sequence[PeriodFinding]) -> dict[str, dg.MetadataValue]:
    """The table, and where not every period stands in it, how many do not; a single period needs none."""
    if len(findings) == 1:
        return {} if findings[0].detail is None else {"what": dg.MetadataValue.text(findings[0].detail)}
    failed = [finding for finding in findings[:-N_LISTED] if not finding.passed]
    listed = [*failed[-N_LISTED:], *findings[-N_LISTED:]]
    n_hidden = len(findings) - len(listed)
    more = {"periods not listed": dg.MetadataValue.int(n_hidden)} if n_hidden else {}
    rows = [dg.TableRecord(_as_row(finding)) for finding in listed]
    return {"periods": dg.MetadataValue.table(rows, dg.TableSchema(COLUMNS)), **more}


COLUMNS = [
    dg.TableColumn("period", "text", "Start of the period"),
    dg.TableColumn("passed", "boolean"),
    dg.TableColumn("value", "text", "What was observed"),
    dg.TableColumn("limit", "text", "What it is held against"),
    dg.TableColumn("what", "text"),
]


def _as_row(finding: PeriodFinding) -> dict[str, str | int | float | bool | None]:
    value, limit = finding.shown or (_figure(finding.value), _figure(finding.limit))
    return {
        "period": finding.partition_key,
        "passed": finding.passed,
        "value": value,
        "limit": limit,
        "what": finding.detail or finding.sentence,
    }


def _figure(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "not known"


def _describe(findings: Sequence[PeriodFinding], failed: Sequence[PeriodFinding]) -> str:
    if len(findings) == 1:
        return f"{findings[0].partition_key}: {findings[0].sentence}."
    if not failed:
        last = findings[-1]
        return f"Passed in all {len(findings)} periods. The last one, {last.partition_key}: {last.sentence}."
    return f"Failed in {len(failed)} of {len(findings)} periods. {_name(failed)}"


def _name(failed: Sequence[PeriodFinding]) -> str:
    """The first of them, each with its sentence, and how many more there are."""
    named = " ".join(f"{finding.partition_key}: {finding.sentence}." for finding in failed[:MAX_NAMED])
    hidden = len(failed) - MAX_NAMED
    return named + (f" And {hidden} more." if hidden > 0 else "")
