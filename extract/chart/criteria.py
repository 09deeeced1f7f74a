"""Criteria as met, not met or unknown, each with the evidence; nothing here decides for a person.

What a record proves depends on when it was made (``Zone``): *now* is the anchor visit or the window around
it, *past* is before, *study* is after it up to the end of the last window; later records prove nothing.

=============  ==================================  ===============================  =================
rule           met                                 unknown                          not met
=============  ==================================  ===============================  =================
variable       the value satisfies it              no value, or a limit or range    it does not
                                                   that could do either
lab            a result at the timepoint           only spoilt or blank results     no result
imaging        now or study                        only in the past                 none
diagnosis      now, stated as certain              past or study, or suspected      none
text           now, asserted present               past or study; historical,       none, or negated,
                                                   hypothetical or resolved         family, textbook
medication,    begun before the anchor, within     begun after the anchor           none
procedure      ``before_days`` (any time without)
missing        a value is missing                  never                            none is missing
judge          never                               always                           never
=============  ==================================  ===============================  =================

*Textbook* is a mention under 鉴别诊断 or in instructions that no cue ties to the patient: it is shown, and
proves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal

from extract.chart.assertion import Assertion, Reading
from extract.chart.charts import Record
from extract.chart.codes import code_in, split_codes
from extract.chart.evidence import Evidence, whole
from extract.chart.known import Chart, Known
from extract.chart.logic import Verdict, all_of, any_of, negate
from extract.chart.measurements import parse_result
from extract.chart.plain import phrase, plain
from extract.chart.values import latest_reports, results_of, value_of
from extract.errors import ProtocolInvalid
from extract.study.protocol import Criterion, Rule

__all__ = ["Judged", "judge"]

Zone = Literal["now", "past", "study", "after"]

_TEXTS: Final = (("document", "text"), ("imaging", "report_text"), ("diagnosis", "name"))
"""Where a text criterion looks."""


@dataclass(frozen=True)
class Judged:
    """The machine's reading of a condition: the verdict, its evidence, and the reason in words."""

    verdict: Verdict
    evidence: tuple[Evidence, ...] = ()
    reason: str = ""


def judge(chart: Chart, criterion: Criterion) -> Judged:
    """What the chart says about a criterion. Raises ProtocolInvalid when the pack lacks a concept."""
    found = _rule(chart, criterion.rule)
    stamped = (replace(e, criterion=criterion.id) if e.kind == "criterion" else e for e in found.evidence)
    return replace(found, evidence=tuple(dict.fromkeys(stamped)))


def _rule(chart: Chart, rule: Rule) -> Judged:
    if rule.all is not None:
        return _joined([_rule(chart, one) for one in rule.all], all_of)
    if rule.any is not None:
        return _joined([_rule(chart, one) for one in rule.any], any_of)
    if rule.not_ is not None:
        inner = _rule(chart, rule.not_)
        return replace(inner, verdict=negate(inner.verdict), reason=f"not ({inner.reason})")
    return _LEAVES[rule.leaf](chart, rule)


def _joined(parts: Sequence[Judged], how: Callable[[Iterable[Verdict]], Verdict]) -> Judged:
    return Judged(
        how(part.verdict for part in parts),
        tuple(e for part in parts for e in part.evidence),
        "; ".join(part.reason for part in parts if part.reason),
    )


def _timepoints(chart: Chart, rule: Rule) -> tuple[str, ...]:
    if rule.at is None:
        return (chart.protocol.first,)
    return (rule.at,) if isinstance(rule.at, str) else rule.at


def _zone(chart: Chart, at: datetime | None, visit_id: str | None) -> Zone:
    if visit_id == chart.visit_id:
        return "now"
    if at is None:
        return "past"
    span, day = chart.spans[chart.protocol.first], at.date()
    if span.low <= day <= span.high:
        return "now"
    if day < span.low:
        return "past"
    return "study" if day <= chart.end else "after"


# ---- values ----


def _variable(chart: Chart, rule: Rule) -> Judged:
    variable = chart.protocol.variable_named(rule.variable or "")
    at = _timepoints(chart, rule)[0] if variable.at else ""
    known = value_of(chart, variable, at)
    name = f"{variable.id}{f' at {at}' if at else ''}"
    if not known.found:
        return Judged("unknown", known.evidence, f"{name}: no value")
    if rule.is_ is not None:
        verdict: Verdict = "met" if rule.is_ in known.codes or known.value == rule.is_ else "not_met"
    else:
        low, high = rule.between or (rule.at_least, rule.at_most)
        verdict = _compare(known, low, high)
    return Judged(verdict, known.evidence, f"{name}: {verdict.replace('_', ' ')}")


def _compare(known: Known, low: Decimal | None, high: Decimal | None) -> Verdict:
    """Whether a value that is only known to lie in a range lies in ``[low, high]``."""
    value = known.value
    if value is None:
        return "unknown"
    least: Decimal | None = known.low if known.low is not None else value
    most: Decimal | None = known.high if known.high is not None else value
    open_least = known.comparator == ">"
    open_most = known.comparator == "<"
    if known.comparator in {"<", "<="}:
        least = None
    if known.comparator in {">", ">="}:
        most = None
    above = low is None or (least is not None and least >= low)
    below = high is None or (most is not None and most <= high)
    if above and below:
        return "met"
    too_low = low is not None and most is not None and (most < low or (open_most and most == low))
    too_high = high is not None and least is not None and (least > high or (open_least and least == high))
    return "not_met" if too_low or too_high else "unknown"


def _missing(chart: Chart, rule: Rule) -> Judged:
    gone: list[str] = []
    seen: list[Evidence] = []
    for name in rule.missing or ():
        variable = chart.protocol.variable_named(name)
        wanted = _timepoints(chart, rule) if rule.at is not None else variable.at
        for at in [point for point in wanted if point in variable.at] or [""]:
            known = value_of(chart, variable, at)
            seen += known.evidence
            if not known.found:
                gone.append(f"{name}{f' at {at}' if at else ''}")
    if gone:
        return Judged("met", tuple(seen), f"missing: {', '.join(gone)}")
    return Judged("not_met", tuple(seen), "nothing is missing")


# ---- records ----


def _lab(chart: Chart, rule: Rule) -> Judged:
    return _joined([_lab_at(chart, rule.lab or "", point) for point in _timepoints(chart, rule)], all_of)


def _lab_at(chart: Chart, concept: str, point: str) -> Judged:
    span = chart.spans[point]
    done: list[Evidence] = []
    spoilt: list[Evidence] = []
    for record in latest_reports(results_of(chart, concept))[0]:
        inside = span.low <= record["at"].date() <= span.high
        if inside or (span.anchor and record["visit_id"] == chart.visit_id):
            status = parse_result(
                record["raw_value"], record["unit"], chart.pack.labs[concept], Decimal("0.0001")
            ).status
            kept = spoilt if status in {"invalid", "blank", "unreadable"} else done
            kept.append(whole(record, "lab", "raw_value", "criterion", term=concept))
    verdict: Verdict = "met" if done else "unknown" if spoilt else "not_met"
    said = f"{len(done)} results" if done else "only spoilt results" if spoilt else "no result"
    return Judged(verdict, tuple(done or spoilt), f"{concept} at {point}: {said}")


def _imaging(chart: Chart, rule: Rule) -> Judged:
    inside: list[Evidence] = []
    before: list[Evidence] = []
    for concept in rule.imaging or ():
        fragments = chart.pack.imaging.get(concept, (concept,))
        for record in chart.records.get("imaging", ()):
            field = _contains(record, ("modality", "body_part"), fragments)
            zone = _zone(chart, record["at"], record["visit_id"])
            if field and zone != "after":
                shown = whole(record, "imaging", field, "criterion", term=concept)
                (before if zone == "past" else inside).append(shown)
    verdict: Verdict = "met" if inside else "unknown" if before else "not_met"
    said = "done" if inside else "only before the window" if before else "none"
    return Judged(verdict, tuple(inside or before), f"imaging {'/'.join(rule.imaging or ())}: {said}")


def _diagnosis(chart: Chart, rule: Rule) -> Judged:
    certain: list[Evidence] = []
    doubtful: list[Evidence] = []
    for record in chart.records.get("diagnosis", ()):
        zone = _zone(chart, record["at"], record["visit_id"])
        for listed, sure in _listed(record, rule.diagnosis or ()) if zone != "after" else ():
            shown = whole(record, "diagnosis", "code", "criterion", term=listed)
            recent = zone == "now" or _within_days(chart, record["at"], rule.before_days)
            (certain if recent and sure else doubtful).append(shown)
    verdict: Verdict = "met" if certain else "unknown" if doubtful else "not_met"
    said = "coded" if certain else "coded at another time or in doubt" if doubtful else "no code"
    return Judged(verdict, tuple(certain + doubtful), f"diagnosis: {said}")


def _listed(record: Record, wanted: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """The listed codes that a diagnosis has, and whether it is stated as certain (``肿瘤？`` is not)."""
    codes = split_codes(record["code"])
    names = re.split(r"[;；]", record["name"] or "")
    for i, code in enumerate(codes):
        if listed := [one for one in wanted if code_in(code, one)]:
            name = names[i] if len(names) == len(codes) else record["name"] or ""
            sure = Reading(name).assess(0, 1).status == "present"
            yield from ((one, sure) for one in listed)


def _within_days(chart: Chart, at: datetime | None, days: int | None) -> bool:
    return (
        days is not None
        and at is not None
        and timedelta(0) <= datetime.combine(chart.origin, time()) - datetime.combine(at.date(), time())
        and (chart.origin - at.date()).days <= days
    )


def _medication(chart: Chart, rule: Rule) -> Judged:
    said = "/".join(rule.medication or ())
    return _orders(
        chart, rule, "medication", "started_at", rule.medication or (), chart.pack.medication, said
    )


def _procedure(chart: Chart, rule: Rule) -> Judged:
    concept = rule.procedure or ""
    return _orders(chart, rule, "procedure", "performed_at", (concept,), chart.pack.procedure, concept)


def _orders(
    chart: Chart,
    rule: Rule,
    table: str,
    began: str,
    concepts: Sequence[str],
    known: dict[str, tuple[str, ...]],
    said: str,
) -> Judged:
    earliest = None if rule.before_days is None else chart.origin - timedelta(days=rule.before_days)
    before, after = [], []
    for concept in concepts:
        if concept not in known:
            raise ProtocolInvalid(
                f"pack {chart.pack.name} has no {table} concept {concept!r}",
                f"It has: {', '.join(sorted(known)) or 'none'}.",
            )
        for record in chart.records.get(table, ()):
            start = record[began] or record["at"]
            if start is None or not _contains(record, ("name", "code"), known[concept]):
                continue
            shown = whole(record, table, "name", "criterion", term=concept)
            if start < chart.started_at:
                if earliest is None or _last_day(record, start) >= earliest:
                    before.append(shown)
            elif start.date() <= chart.end:
                after.append(shown)
    verdict: Verdict = "met" if before else "unknown" if after else "not_met"
    when = f"within {rule.before_days} days before" if rule.before_days is not None else "before"
    text = f"{when} the anchor" if before else "begun after the anchor" if after else "none"
    return Judged(verdict, tuple(before + after), f"{said}: {text}")


def _last_day(record: Record, start: datetime) -> date:
    # A drug begun a year ago and stopped last week was taken last week.
    ended = record.get("ended_at")
    return max(start, ended).date() if isinstance(ended, datetime) else start.date()


def _contains(record: Record, fields: Sequence[str], fragments: Sequence[str]) -> str:
    """The first of ``fields`` that contains one of ``fragments`` (a Latin one as a whole word), or ``""``."""
    pattern = _fragments(tuple(fragments))
    return next((f for f in fields if record.get(f) and pattern.search(plain(record[f]))), "")


@lru_cache(maxsize=256)
def _fragments(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(phrase(w) for w in sorted(words, key=lambda w: (-len(w), w))) or "(?!)")


# ---- text and judgement ----


def _text(chart: Chart, rule: Rule) -> Judged:
    terms = rule.text or ()
    pattern = _fragments(terms)
    sure, doubtful, against = [], [], []
    for table, field in _TEXTS:
        for record in chart.records.get(table, ()):
            zone = _zone(chart, record["at"], record["visit_id"])
            if zone == "after" or not record[field]:
                continue
            for match in pattern.finditer(plain(record[field])):
                about = chart.reading(record, field).assess(*match.span())
                shown = _span(record, table, field, match.span(), about)
                if about.status in {"negated", "family"} or _textbook(about):
                    if zone == "now":
                        against.append(shown)
                elif about.status == "present" and zone == "now":
                    sure.append(shown)
                else:
                    doubtful.append(shown)
    verdict: Verdict = "met" if sure else "unknown" if doubtful else "not_met"
    said = (
        "stated"
        if sure
        else "stated of another time or in doubt"
        if doubtful
        else "only denied, of relatives or of textbooks"
        if against
        else "not mentioned"
    )
    return Judged(verdict, (*sure, *doubtful, *against), f"text: {said}")


def _textbook(about: Assertion) -> bool:
    # A differential diagnosis or an instruction that no cue ties to this patient.
    return about.status == "hypothetical" and not about.cue


def _span(record: Record, table: str, field: str, span: tuple[int, int], about: Assertion) -> Evidence:
    quote = record[field][span[0] : span[1]]
    return replace(
        whole(record, table, field, "criterion", term=quote, about=about),
        start=span[0],
        end=span[1],
        quote=quote,
    )


def _judge(chart: Chart, rule: Rule) -> Judged:
    shown = []
    for table in ("medication", "procedure"):
        for record in chart.records.get(table, ()):
            day = record["at"].date() if record["at"] is not None else None
            inside = day is not None and chart.origin <= day <= chart.end
            if record["name"] and (inside or record["visit_id"] == chart.visit_id):
                shown.append(whole(record, table, "name", "criterion"))
    return Judged("unknown", tuple(shown), f"for a person: {rule.judge}")


_LEAVES: Final[dict[str, Callable[[Chart, Rule], Judged]]] = {
    "variable": _variable,
    "missing": _missing,
    "lab": _lab,
    "imaging": _imaging,
    "diagnosis": _diagnosis,
    "medication": _medication,
    "procedure": _procedure,
    "text": _text,
    "judge": _judge,
}
