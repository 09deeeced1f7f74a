"""What must be true before a study is locked: each condition with its answer, and who owes what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from extract.errors import ChecksFailed, CohortlockError, NotReady
from extract.study.protocol import Label, Protocol
from validate.checks.results import CheckReport
from validate.lock.assemble import Draft
from validate.lock.columns import RESPONDER
from validate.reconcile import Owed, Reconciliation

__all__ = ["Precondition", "Surroundings", "preconditions", "refusal"]

_SMALLEST_GROUP = 2


@dataclass(frozen=True)
class Precondition:
    """One condition of the lock. ``said`` is what was found, in counts; ``owed`` by whom how much."""

    id: str
    ok: bool
    said: Label
    owed: Mapping[str, int]

    @property
    def message(self) -> str:
        """What was found, in English."""
        return self.said.en

    def to_json(self) -> dict[str, Any]:
        """The shape that ``cohortlock lock --json`` lists."""
        return {
            "id": self.id,
            "ok": self.ok,
            "message": self.said.en,
            "message_zh": self.said.zh,
            "owed": dict(self.owed),
        }


@dataclass(frozen=True)
class Surroundings:
    """What the database and the folder say beside the reconciliation."""

    unqueued: int
    """Candidates whose evidence changed in the last screening without coming before the reviewers."""
    open_queries: int
    reopened: int
    """Opinions that were given, and are owed again because their evidence changed."""
    chain_problems: int
    locked_at: int | None
    keys: Mapping[str, bool]
    """Role -> whether somebody can sign as it."""
    calibration: tuple[bool, Label] | None = None
    """Whether the pilot round was passed, and in which words; None where the protocol asks for none."""


def preconditions(
    protocol: Protocol,
    reconciliation: Reconciliation,
    draft: Draft,
    report: CheckReport,
    funnel: Mapping[str, Any],
    around: Surroundings,
) -> tuple[Precondition, ...]:
    """Every condition, met or not, in the order in which a study fulfils them; pure."""
    owed, at = reconciliation.open, around.locked_at
    return (
        _one(
            "ethics",
            bool(protocol.study.ethics.approval),
            "伦理批件有编号",
            "the ethics approval has a number",
        ),
        _one(
            "unlocked",
            at is None,
            "研究未锁定" if at is None else f"已锁定于第 {at} 版",
            "the study is open" if at is None else f"locked at version {at}",
        ),
        _one(
            "queued",
            not around.unqueued,
            f"{around.unqueued} 名候选者的证据与评审者所见不同",
            f"{around.unqueued} candidates have other evidence than the reviewers saw",
        ),
        *_calibration(around.calibration),
        _owes("opinions", "评审意见", "opinions are given", owed, {"opinion", "assignment"}),
        _one(
            "reopened",
            not around.reopened,
            f"{around.reopened} 条意见因证据改变须重新给出",
            f"{around.reopened} opinions must be given again, because their evidence changed",
        ),
        _owes("arbitration", "分歧仲裁", "differences are arbitrated", owed, {"arbitration"}),
        _owes("entry", "双人录入", "values are entered twice", owed, {"entry"}),
        _owes("resolution", "录入差异裁定", "differences between entries are settled", owed, {"resolution"}),
        _one(
            "queries",
            not around.open_queries,
            f"{around.open_queries} 条质疑未关闭",
            f"{around.open_queries} queries are open",
        ),
        _error_rate(protocol, reconciliation),
        _one(
            "participants",
            draft.wide.num_rows > 0,
            f"{draft.wide.num_rows} 名参与者",
            f"{draft.wide.num_rows} participants",
        ),
        _one(
            "funnel", bool(funnel.get("closes")), "筛选流程每一步人数相符", "the funnel closes at every step"
        ),
        _checks(report),
        *_analysis(protocol, draft),
        _one(
            "audit",
            not around.chain_problems,
            f"{around.chain_problems} 处审计链与数据表不符",
            f"{around.chain_problems} places where audit and tables do not fit",
        ),
        _signatures(protocol.lock.signatures, around.keys),
    )


def _one(id_: str, ok: bool, zh: str, en: str, owed: Mapping[str, int] | None = None) -> Precondition:
    return Precondition(id_, ok, Label(zh=zh, en=en), owed or {})


def _owes(id_: str, zh: str, en: str, owed: Iterable[Owed], kinds: Collection[str]) -> Precondition:
    by_owner = Counter(one.owner for one in owed if one.what in kinds)
    count = by_owner.total()
    if not count:
        return _one(id_, True, f"{zh}全部完成", f"all {en}")
    return _one(id_, False, f"{zh}未完成：尚欠 {count} 项", f"not all {en}: {count} open", by_owner)


def _calibration(passed: tuple[bool, Label] | None) -> tuple[Precondition, ...]:
    return (Precondition("calibration", passed[0], passed[1], {}),) if passed else ()


def _error_rate(protocol: Protocol, reconciliation: Reconciliation) -> Precondition:
    fields, limit = reconciliation.comparison.fields, protocol.entry.error_rate_at_most
    doubled = any(variable.entry == "double" for variable in protocol.variable)
    if not fields.compared:
        return _one("error_rate", not doubled, "没有可比较的录入项", "no field was compared")
    return _one(
        "error_rate",
        fields.errors <= limit * fields.compared,
        f"两次录入 {fields.compared} 项中 {fields.errors} 项不同，上限 {limit:.2%}",
        f"{fields.errors} of {fields.compared} fields differed between the two entries, limit {limit:.2%}",
    )


def _checks(report: CheckReport) -> Precondition:
    blocking, waived = [result.id for result in report.blocking], len(report.of_status("waived"))
    zh = f"{len(report.results)} 项核查，豁免 {waived} 项"
    en = f"{len(report.results)} checks, {waived} waived"
    if blocking:
        first, rest = ", ".join(blocking[:5]), len(blocking) - 5
        zh += f"，未通过或无法运行：{first}" + (f" 等共 {len(blocking)} 项" if rest > 0 else "")
        en += f", failed or could not run: {first}" + (f" and {rest} more" if rest > 0 else "")
    owed = {"data_manager": len(blocking)} if blocking else None
    return _one("checks", report.ok and bool(report.results), zh, en, owed)


def _analysis(protocol: Protocol, draft: Draft) -> tuple[Precondition, ...]:
    """Whether the plan that the protocol declares can be carried out on these rows."""
    groups = Counter(draft.wide.column(RESPONDER).to_pylist())
    sizes = [groups.get(code, 0) for code in (0, 1)]
    unknown = groups.get(None, 0)
    named = list(zip(protocol.outcome.labels, sizes, strict=True))
    columns = set(draft.wide.column_names)
    lacking = ", ".join(
        text
        for one in protocol.analysis.correlate
        for text in (one.x, one.y)
        if text.startswith("delta(") and f"{text[6:-1]}_delta" not in columns
    )
    return (
        _one(
            "groups",
            min(sizes) >= _SMALLEST_GROUP and not unknown,
            "，".join(f"{label.zh}：{size}" for label, size in named)
            + f"，未定：{unknown}；每组至少 {_SMALLEST_GROUP} 人",
            ", ".join(f"{label.en}: {size}" for label, size in named)
            + f", undecided: {unknown}; each group needs {_SMALLEST_GROUP}",
        ),
        _one(
            "analysis",
            not lacking,
            f"分析计划中的 {lacking} 不在数据集中" if lacking else "分析计划中的相关分析均有相应的列",
            f"the plan names {lacking}, which the dataset does not have"
            if lacking
            else "the plan's correlations have their columns",
        ),
    )


def _signatures(roles: Sequence[str], keys: Mapping[str, bool]) -> Precondition:
    missing = [role for role in roles if not keys.get(role)]
    names = ", ".join(missing or roles)
    return _one(
        "signatures",
        not missing and bool(roles),
        f"无人可签名：{names}" if missing else f"签名：{names}",
        f"nobody signs as {names}" if missing else f"signatures of {names}",
        dict.fromkeys(missing, 1),
    )


def refusal(conditions: Iterable[Precondition]) -> CohortlockError | None:
    """The error that a lock raises for what is not met: ChecksFailed for checks alone, else NotReady."""
    missing = [one for one in conditions if not one.ok]
    if not missing:
        return None
    listed = "; ".join(f"{one.id}: {one.message}" for one in missing)
    if [one.id for one in missing] == ["checks"]:
        return ChecksFailed(f"the study is not locked: {listed}", "`cohortlock check STUDY` lists them.")
    return NotReady(f"the study is not locked: {listed}", "Settle what is open, then lock again.")
