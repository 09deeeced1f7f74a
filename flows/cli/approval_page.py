"""The approval card as one HTML page in both languages, for a board or a DBA without a terminal; needs no network."""

from __future__ import annotations

from html import escape
from typing import Any, Final

__all__ = ["approval_page"]

_STYLE: Final = """
body{font:15px/1.6 "Noto Sans CJK SC","Source Han Sans SC","Microsoft YaHei",sans-serif;color:#1d2129;
max-width:62rem;margin:2rem auto;padding:0 1.5rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.05rem;margin:2rem 0 .5rem;border-bottom:1px solid #d7dbe0}
.en{color:#505a68}.no{background:#fdf1e3;border-left:4px solid #b45f06}.yes{background:#e9f5ec;border-left:4px solid #2a7d4f}
.state{padding:.7rem 1rem;margin:1rem 0}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #e4e7eb;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
pre{background:#f5f6f8;padding:.8rem;overflow:auto;font-size:12.5px;white-space:pre-wrap}
code{font-size:.85em;word-break:break-all}@media print{details{break-inside:avoid}}
"""


def approval_page(told: dict[str, Any]) -> str:
    """The page of a card (``extract.his.approval.card``)."""
    search, site = told["search"], told["site"]
    rows = [
        ("检索式", "expression", f"<code>{escape(search['expression'])}</code>"),
        ("含义", "meaning", _both(search["zh"], search["en"])),
        ("病历范围", "charts", f"{search['chart_from']} – {search['chart_to']}"),
        ("分段", "windows", escape(", ".join(told["windows"]))),
        ("数据源", "source", f"{escape(site['where'])}<br>{escape(site['pack'])}, {escape(site['dialect'])}"),
        ("伦理批件", "ethics", escape(told["ethics"]["approval"] or "—")),
        ("限制", "limits", escape(", ".join(f"{k} {v}" for k, v in told["limits"].items()))),
        ("范围指纹", "scope", f"<code>{told['scope']}</code>"),
    ]
    return "".join(
        (
            '<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>',
            escape(f"调取审批卡 · {told['study']}"),
            f"</title><style>{_STYLE}</style><h1>调取审批卡 <span class=en lang=en>Approval card</span></h1>",
            f"<p>{_both(told['title']['zh'], told['title']['en'])}</p>",
            _state(told["approval"]),
            "<h2>查什么 <span class=en lang=en>What is asked</span></h2><table>",
            *(
                f"<tr><th>{zh}<br><span class=en lang=en>{en}</span></th><td>{cell}</td></tr>"
                for zh, en, cell in rows
            ),
            "</table><h2>标准 <span class=en lang=en>Criteria</span></h2><table>",
            *map(_criterion, told["criteria"]),
            "</table><h2>语句与数据库自己的估计 <span class=en lang=en>Statements, and the server's own estimate</span></h2>",
            "<table><tr><th>语句<br><span class=en lang=en>statement</span><th>次数<br><span class=en lang=en>sent</span>",
            "<th class=n>代价<br><span class=en lang=en>plan cost</span><th class=n>行数<br><span class=en lang=en>plan rows</span></tr>",
            *map(_statement, told["statements"]),
            "</table><h2>SQL</h2>",
            *(
                f"<details><summary>{escape(one['name'])}</summary><pre>{_binds(one)}{escape(one['sql'])}</pre></details>"
                for one in told["statements"]
            ),
            "</html>\n",
        )
    )


def _state(approval: dict[str, Any] | None) -> str:
    if approval is None:
        zh, en = "尚未批准。未经批准的调取会被拒绝。", "Not approved. A pull is refused."
        return f'<div class="state no">{_both(zh, en)}</div>'
    mark_zh, mark_en = ("（模拟）", " (simulated)") if approval["simulated"] else ("", "")
    said = f"{escape(approval['by'])} · {approval['at']} · {escape(approval['reason'])}"
    return f'<div class="state yes">{_both("已批准" + mark_zh, "Approved" + mark_en)}<br>{said}</div>'


def _criterion(one: dict[str, Any]) -> str:
    kind = {"include": "纳入", "exclude": "排除"}[one["kind"]]
    return (
        f"<tr><th>{one['id']}<br><span class=en>{kind} {one['kind']}</span></th>"
        f"<td>{_both(one['label']['zh'], one['label']['en'])}</td><td>{_both(one['zh'], one['en'])}</td></tr>"
    )


def _statement(one: dict[str, Any]) -> str:
    cells = "".join(
        f"<td class=n>{'—' if one[key] is None else format(one[key], ',.0f')}</td>"
        for key in ("cost", "rows")
    )
    return f"<tr><td>{escape(one['name'])}</td><td>{_both(one['times']['zh'], one['times']['en'])}</td>{cells}</tr>"


def _binds(one: dict[str, Any]) -> str:
    return "".join(f"-- :{escape(k)} = {escape(repr(v))}\n" for k, v in sorted(one["params"].items()))


def _both(zh: str, en: str) -> str:
    return f"{escape(zh)}<br><span class=en lang=en>{escape(en)}</span>"
