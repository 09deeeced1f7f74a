"""The tables of models: response on what was known before, with its validation, and complete cases against imputation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from analysis.groups import ALL, DIFFERENCE
from analysis.imputed import COPIES, IMPUTATION, incomplete
from analysis.model import MODEL, REPEATS, seed_of
from analysis.report.cells import Cell, Num, Piece, Row, Sheet, Sym, Word
from analysis.report.sheets import Writer, text
from analysis.results import Result
from analysis.terms import DELTA

__all__ = ["imputation", "model"]

_EMPTY: Final = Cell((Word("—"),))
_EPV: Final = 10
Key = tuple[str, str, str, str]


def _cell(*pieces: Piece) -> Cell:
    return Cell(pieces) if any(isinstance(p, Num) for p in pieces) else _EMPTY


def _with_interval(writer: Writer, key: Key, statistic: str, of: str = "", method: str | None = None) -> Cell:
    """``1.08 (1.03, 1.14)``."""
    value, low, high = (writer.frame.num(*key, s, "f2", of, method) for s in (statistic, "ci_low", "ci_high"))
    return _cell(value, Word(" ("), low, Word(", "), high, Word(")"))


def _term(writer: Writer, row: Result) -> str:
    """A predictor, and of a category the code against the first."""
    name = writer.quantity(row.variable, row.timepoint)
    if not row.of:
        return name
    values = writer.protocol.variable_named(row.variable).values
    own = next(v for v in values if str(v.code) == row.of)
    zh = writer.language == "zh"
    own_words, first = (own.zh, values[0].zh) if zh else (own.en, values[0].en)
    return f"{name}（{own_words}，以{first}为参照）" if zh else f"{name} ({own_words} against {first})"


def model(writer: Writer, number: int) -> Sheet | None:
    """Odds ratios of response; None when the plan names no predictors."""
    rows = [r for r in writer.frame.results.rows if r.table == "model" and r.statistic == "b"]
    if not rows:
        return None
    zh = writer.language == "zh"
    body = []
    for row in rows:
        key = (row.table, row.variable, row.group, row.timepoint)
        body.append(Row((
            text(_term(writer, row)),
            _cell(writer.frame.num(*key, "b", "f3", row.of)),
            _with_interval(writer, key, "odds_ratio", row.of),
            _cell(writer.frame.num(*key, "p", "p", row.of)),
            _cell(writer.frame.num(*key, "vif", "f2", row.of)),
        )))  # fmt: skip
    first = Row((
        text(writer.say("item")), Cell((Sym("β"),)), text("OR（95%CI）" if zh else "Odds ratio (95% CI)"), Cell((Sym("P"),)),
        text("VIF"),
    ))  # fmt: skip
    notes = [(Word(_how(writer, rows[0])),), tuple(_validated(writer))]
    return writer.sheet(str(number), "model", (first,), body, notes)


def _how(writer: Writer, row: Result) -> str:
    firth = "Firth" in row.method
    if writer.language == "zh":
        own = (
            "结局与预测变量出现完全分离，采用Firth惩罚似然，区间为剖面似然，P为惩罚似然比检验。" if firth
            else "最大似然估计，Wald区间与检验。"
        )  # fmt: skip
        return f"结局：显著缓解与否。{own}各预测变量同时进入，不作逐步筛选；属探索性，系数为关联而非因果。"
    own = (
        "The outcomes separate: Firth's penalised likelihood, profile intervals, penalised ratio tests."
        if firth
        else "Maximum likelihood, Wald intervals and tests."
    )
    return (
        f"Outcome: response. {own} All predictors enter together, none is selected; exploratory, and an association is no "
        "cause."
    )


def _validated(writer: Writer) -> Iterator[Piece]:
    """How many events each coefficient has, and how good the model is inside and, corrected, outside its sample."""
    zh = writer.language == "zh"
    find = writer.frame.num
    key = ("model", MODEL, ALL, "")
    n, events, epv = (find(*key, s, form) for s, form in (("n", "i"), ("events", "i"), ("epv", "f1")))
    yield Sym("n")
    yield Word(" = ")
    yield n
    yield Word("，较少一类结局 " if zh else "; events (smaller outcome) ")
    yield events
    yield Word(" 例，每个系数 " if zh else "; events per coefficient ")
    yield epv
    few = isinstance(epv, Num) and epv.row.value is not None and epv.row.value < _EPV
    if few:
        yield Word(f" 例（少于 {_EPV}，估计不稳）" if zh else f" (under {_EPV}: unstable)")
    elif zh:
        yield Word(" 例")
    yield Word("。c 统计量：表观 " if zh else ". c-statistic: apparent ")
    yield find(*key, "c", "f3")
    yield Word("，校正乐观后 " if zh else ", corrected for optimism ")
    yield find(*key, "c_corrected", "f3")
    yield Word("；校正后的校准斜率 " if zh else "; corrected calibration slope ")
    yield find(*key, "slope_corrected", "f2")
    told = (
        f"{REPEATS} 次自助抽样，种子 {seed_of(writer.locked)}"
        if zh
        else f"{REPEATS} bootstrap samples, seed {seed_of(writer.locked)}"
    )
    yield Word(f"（{told}）。" if zh else f" ({told}).")
    yield Word("未作外部验证。" if zh else " Not validated on other people.")


def imputation(writer: Writer, number: int) -> Sheet | None:
    """Complete cases beside multiple imputation; None when it is not declared or nothing is missing."""
    rows = [
        r
        for r in writer.frame.results.rows
        if r.table == "imputed" and r.statistic in {"r", "estimate", "odds_ratio"}
    ]
    if IMPUTATION not in writer.protocol.analysis.sensitivity or not rows:
        return None
    zh = writer.language == "zh"
    body = []
    for row in rows:
        key = (row.table, row.variable, row.group, row.timepoint)
        words, own, statistic, method = _complete(writer, row)
        body.append(Row((
            text(words),
            _cell(_known(writer, own, row.of, method)),
            _with_interval(writer, own, statistic, row.of, method),
            _cell(writer.frame.num(*own, "p", "p", row.of, method)),
            _with_interval(writer, key, row.statistic, row.of),
            _cell(writer.frame.num(*key, "p", "p", row.of)),
            _cell(writer.frame.num(*key, "fmi", "c100", row.of)),
        )))  # fmt: skip
    first = Row((
        text(writer.say("item")), Cell((Word("完整病例 " if zh else "Complete cases "), Sym("n")), label=True),
        text("估计值（95%CI）" if zh else "Estimate (95% CI)"), Cell((Sym("P"),)),
        text("多重填补（95%CI）" if zh else "Imputed (95% CI)"), Cell((Sym("P"),)),
        text("缺失信息/%" if zh else "Missing information (%)"),
    ))  # fmt: skip
    drawn = ", ".join(_named(writer, name) for name in incomplete(writer.locked))
    note = (
        f"填补变量：{drawn}。链式方程、预测均值匹配，{COPIES} 份，种子 {seed_of(writer.locked)}，Rubin 规则合并，自由度按 Barnard 与 Rubin；变化量由填补值重算，"
        "结局分组不填补。假定随机缺失，数据本身不能检验这一假定。"
        if zh
        else f"Drawn: {drawn}. Chained equations, predictive mean matching, {COPIES} copies, seed {seed_of(writer.locked)}, pooled by "
        "Rubin's rules with Barnard and Rubin's df; changes are computed again from drawn values, response is never drawn. "
        "Missing at random is assumed, which no dataset can test."
    )
    return writer.sheet(str(number), "imputed", (first,), body, [(Word(note),)])


def _named(writer: Writer, name: str) -> str:
    for variable in writer.protocol.variable:
        for at in variable.at or ("",):
            if name == (f"{variable.id}_{at.lower()}" if at else variable.id):
                return writer.quantity(variable.id, at)
    return name


def _complete(writer: Writer, row: Result) -> tuple[str, Key, str, str | None]:
    """The row's words, and where the complete cases' number stands."""
    if row.group == MODEL:
        return f"{_term(writer, row)}: OR", ("model", row.variable, ALL, row.timepoint), "odds_ratio", None
    if row.group == DIFFERENCE:
        words = {"zh": "组间差", "en": "between groups"}[writer.language]
        return (
            f"{writer.quantity(row.variable, DELTA)}: {words}",
            ("2", row.variable, DIFFERENCE, DELTA),
            "estimate",
            "Welch t test",
        )
    key = ("3", row.variable, ALL, row.timepoint)
    partner = writer.quantity(row.of, row.timepoint)
    own = writer.frame.results.find(*key, "r", row.of)
    return (
        f"{writer.quantity(row.variable, row.timepoint)} ~ {partner}: r",
        key,
        "r",
        own.method if own else None,
    )


def _known(writer: Writer, key: Key, of: str, method: str | None) -> Piece:
    if key[0] == "3":
        return writer.frame.num(*key, "n", "i", of)
    if key[0] == "model":
        return writer.frame.num("model", MODEL, ALL, "", "n", "i")
    found = writer.frame.results.find(*key, "estimate", of, method)
    counted = writer.frame.results.find("2", key[1], ALL, DELTA, "n")
    return Word("—") if found is None or counted is None else Num(counted, "i")
