"""The discrepancy report of two files: EpiData's validation report first, then what its percentages are made of.

The first three parts have the headings, rows and order of EpiData Manager's "double entry validation", so
that who knows it finds everything in its place; it is one structure, written as text or as a page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, Literal
from unicodedata import east_asian_width

from validate.entry.comparison import Rate
from validate.entry.file_comparison import FileComparison, Place

__all__ = ["page", "text"]

Language = Literal["zh", "en"]

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "title": ("双录入核对报告", "Double entry validation report"),
    "main": ("主文件", "Main file"),
    "duplicate": ("复录文件", "Duplicate file"),
    "selections": ("核对设置：", "Selections for validation:"),
    "option": ("选项", "Option"),
    "selected": ("取值", "Selected"),
    "ignore_deleted": ("忽略已删除记录", "Ignore deleted records"),
    "ignore_missing": ("忽略缺失记录", "Ignore missing records"),
    "add_result": ("结果写入字段", "Add result to field"),
    "case": ("文本区分大小写", "Case sensitive text"),
    "yes": ("是", "Yes"),
    "no": ("否", "No"),
    "keys": ("关键字段：", "Key Fields:"),
    "by_number": ("（无：按记录顺序匹配）", "(none: matched by the order of records)"),
    "compared": ("比较的字段：", "Compared Fields:"),
    "result": ("核对结果：", "Result of Validation:"),
    "test": ("项目", "Test"),
    "value": ("结果", "Result"),
    "missing_main": ("主文件中缺失的记录", "Records missing in main file"),
    "missing_duplicate": ("复录文件中缺失的记录", "Records missing in duplicate file"),
    "checked": ("核对字段数", "Number of fields checked"),
    "common": ("共有记录", "Common records"),
    "wrong_records": ("有差错的记录", "Records with errors"),
    "wrong_fields": ("有差错的字段录入", "Field entries with errors"),
    "percent_records": ("差错率（按记录，%）", "Error percentage (#records)"),
    "percent_fields": ("差错率（按字段，%）", "Error percentage (#fields)"),
    "datasets": ("数据集比较：", "Datasets comparison:"),
    "main_set": ("主数据集：", "Main Dataset:"),
    "duplicate_set": ("复录数据集：", "Duplicate dataset:"),
    "record": ("记录号：", "Record no: "),
    "key_in": ("关键字段：", "Key Fields:"),
    "fields_in": ("比较的字段：", "Compared Fields:"),
    "not_found": ("未找到记录", "Record not found"),
    "twice": ("关键字重复，未比较；记录号：", "Duplicate key, not compared; records "),
    "keyless": ("关键字为空，未比较", "Blank key, not compared"),
    "none": ("无", "none"),
    "made_of": ("差错率的构成：", "What the percentages are made of:"),
    "records_compared": ("可比较的记录", "Records in which something was compared"),
    "fields_compared": ("可比较的字段录入", "Field entries compared"),
    "both_blank": ("两份均为空（不计入）", "Blank in both, not counted"),
    "incomplete": ("尚未双录（不计入）", "Not yet entered twice, not counted"),
    "not_compared": ("自动、跳过的字段（不计入）", "Fields computed or skipped, not counted"),
    "only_main": ("仅主文件有的字段", "Fields only in the main file"),
    "only_duplicate": ("仅复录文件有的字段", "Fields only in the duplicate file"),
    "keys_twice": ("重复的关键字（主文件、复录文件）", "Keys that stand twice (main, duplicate)"),
    "keys_blank": ("关键字为空的记录（主文件、复录文件）", "Records without a key (main, duplicate)"),
    "deleted": ("已删除而未读的记录（主文件、复录文件）", "Deleted records left out (main, duplicate)"),
    "by_field": ("按字段：", "By field:"),
    "by_person": ("与裁定值比较：", "Against the reconciled values:"),
    "field": ("字段", "Field"),
    "person": ("文件或录入员", "File or person"),
    "errors": ("差错", "Errors"),
    "of": ("比较数", "Compared"),
    "percent": ("%", "%"),
    "interval": ("95% 置信区间（Wilson）", "95 % interval (Wilson)"),
    "violations": ("表单不允许的录入：", "Entries that the study's form would refuse:"),
    "rule": ("规则", "Rule"),
    "file": ("文件", "File"),
    "differs": ("（值不显示）", "(values hidden)"),
}


@dataclass(frozen=True)
class _Block:
    """A heading, and under it lines or a table; a cell may have several lines."""

    heading: str
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def text(found: FileComparison, language: Language, *, values: bool = True) -> Iterator[str]:
    """The report as lines of plain text. ``values``: whether the differing entries are shown."""
    say = _Say(language)
    yield say("title")
    yield f"{say('main')}: {_plain(found.names[0])}"
    yield f"{say('duplicate')}: {_plain(found.names[1])}"
    for block in _blocks(found, say, values=values):
        yield ""
        yield block.heading
        rows = [[cell.split("\n") for cell in row] for row in (block.head, *block.rows) if row]
        widths = (
            [max(_width(line) for row in rows for line in row[i]) for i in range(len(rows[0]))]
            if rows
            else []
        )
        for row in rows:
            for line in range(max(map(len, row))):
                cells = [cell[line] if line < len(cell) else "" for cell in row]
                padded = (c + " " * (w - _width(c)) for c, w in zip(cells, widths, strict=True))
                yield ("  " + "   ".join(padded)).rstrip()


def page(found: FileComparison, language: Language, *, values: bool = True) -> str:
    """The report as one page of HTML that loads nothing."""
    say = _Say(language)
    body = []
    for block in _blocks(found, say, values=values):
        body.append(f"<h2>{escape(block.heading.rstrip(':：'))}</h2>")
        head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in block.head)
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in block.rows
        )
        body.append(
            f"<table>{f'<thead><tr>{head}</tr></thead>' if head else ''}<tbody>{rows}</tbody></table>"
        )
    return _PAGE.format(
        lang="zh-CN" if language == "zh" else "en",
        title=escape(say("title")),
        files=f"{escape(say('main'))}: {escape(_plain(found.names[0]))}<br>"
        f"{escape(say('duplicate'))}: {escape(_plain(found.names[1]))}",
        body="\n".join(body),
    )


class _Say:
    """The words of one language."""

    def __init__(self, language: Language) -> None:
        self._place = 0 if language == "zh" else 1

    def __call__(self, key: str) -> str:
        return _WORDS[key][self._place]


def _blocks(found: FileComparison, say: _Say, *, values: bool) -> Iterator[_Block]:
    options = found.options
    yes = {True: say("yes"), False: say("no")}
    yield _Block(
        say("selections"),
        (say("option"), say("selected")),
        (
            (say("ignore_deleted"), yes[not options.with_deleted]),
            (say("ignore_missing"), say("no")),
            (say("add_result"), say("no")),
            (say("case"), yes[not options.ignore_case]),
        ),
    )
    yield _Block(say("keys"), (), ((" ".join(options.key) or say("by_number"),),))
    yield _Block(
        say("compared"),
        (),
        tuple((_plain(f"{one.name}: {one.label}" if one.label else one.name),) for one in found.compared),
    )
    yield _Block(
        say("result"),
        (say("test"), say("value")),
        (
            (say("missing_main"), str(len(found.missing[0]))),
            (say("missing_duplicate"), str(len(found.missing[1]))),
            (say("checked"), str(len(found.compared))),
            (say("common"), str(found.common)),
            (say("wrong_records"), str(found.records.errors)),
            (say("wrong_fields"), str(found.fields.errors)),
            (say("percent_records"), _percent(found.records)),
            (say("percent_fields"), _percent(found.fields)),
        ),
    )
    yield _Block(
        say("datasets"), (say("main_set"), say("duplicate_set")), tuple(_datasets(found, say, values=values))
    )
    yield _made_of(found, say)
    yield _rates(say("by_field"), say("field"), found.by_field.items(), say)
    if found.persons:
        yield _rates(say("by_person"), say("person"), found.persons.items(), say)
    for person, rates in found.persons_by_field.items():
        yield _rates(f"{say('by_person').rstrip(':：')} {_plain(person)}:", say("field"), rates.items(), say)
    if found.violations:
        yield _Block(
            say("violations"),
            (say("file"), say("record").rstrip(":： "), say("rule")),
            tuple((_plain(found.names[v.file - 1]), str(v.number), v.rule) for v in found.violations),
        )


def _made_of(found: FileComparison, say: _Say) -> _Block:
    none = say("none")
    return _Block(
        say("made_of"),
        (say("test"), say("value"), say("interval")),
        (
            (say("records_compared"), str(found.records.compared), _interval(found.records)),
            (say("fields_compared"), str(found.fields.compared), _interval(found.fields)),
            (say("both_blank"), str(found.both_blank), ""),
            (say("incomplete"), str(found.incomplete), ""),
            (say("not_compared"), _plain(", ".join(found.computed)) or none, ""),
            (say("only_main"), _plain(", ".join(found.lone[0])) or none, ""),
            (say("only_duplicate"), _plain(", ".join(found.lone[1])) or none, ""),
            (say("keys_twice"), ", ".join(str(len(one)) for one in found.duplicates), ""),
            (say("keys_blank"), ", ".join(str(len(one)) for one in found.keyless), ""),
            (say("deleted"), ", ".join(map(str, found.deleted)), ""),
        ),
    )


def _rates(heading: str, what: str, rates: Iterable[tuple[str, Rate]], say: _Say) -> _Block:
    return _Block(
        heading,
        (what, say("errors"), say("of"), say("percent"), say("interval")),
        tuple(
            (_plain(name), str(rate.errors), str(rate.compared), _percent(rate), _interval(rate))
            for name, rate in rates
        ),
    )


def _datasets(found: FileComparison, say: _Say, *, values: bool) -> Iterator[tuple[str, str]]:
    """What differs, then what is missing, double or without a key: each under the file that it is in."""
    together: dict[tuple[int, int], list[int]] = {}
    for i, one in enumerate(found.differences):
        together.setdefault(one.numbers, []).append(i)
    for numbers, listed in together.items():
        left, right = (f"{say('record')}{number}" for number in numbers)
        key = _key(found, found.differences[listed[0]].key, say)
        left, right = left + key + f"\n{say('fields_in')}", right + "\n" * (key.count("\n") + 1)
        for i in listed:
            one = found.differences[i]
            left += f"\n {one.name} = {_plain(one.first) if values else say('differs')}"
            right += f"\n {one.name} = {_plain(one.second) if values else say('differs')}"
        yield left, right
    for here, other in ((1, 0), (0, 1)):
        for place in found.missing[here]:
            yield _sided(other, _where(found, place, say), say("not_found"))
    for side in (0, 1):
        for place in found.duplicates[side]:
            numbers_ = ", ".join(map(str, place.numbers))
            yield _sided(side, _key(found, place.key, say).lstrip("\n") + f"\n{say('twice')}{numbers_}", "")
        for number in found.keyless[side]:
            yield _sided(side, f"{say('record')}{number}\n{say('keyless')}", "")


def _sided(side: int, here: str, there: str) -> tuple[str, str]:
    return (there, here) if side else (here, there)


def _where(found: FileComparison, place: Place, say: _Say) -> str:
    return f"{say('record')}{place.numbers[0]}{_key(found, place.key, say)}"


def _key(found: FileComparison, key: Sequence[str], say: _Say) -> str:
    if not found.options.key:
        return ""
    parts = (f"\n {name} = {_plain(cell)}" for name, cell in zip(found.options.key, key, strict=True))
    return f"\n{say('key_in')}" + "".join(parts)


def _percent(rate: Rate) -> str:
    return f"{100 * rate.errors / rate.compared:.2f}" if rate.compared else "–"


def _interval(rate: Rate) -> str:
    found = rate.rate
    return (
        "" if found.low is None or found.high is None else f"{100 * found.low:.2f}–{100 * found.high:.2f} %"
    )


def _plain(cell: str) -> str:
    """A cell on one line, without characters that would steer a terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in cell)


def _width(cell: str) -> int:
    return sum(2 if east_asian_width(c) in "WF" else 1 for c in cell)


_PAGE: Final = """<!doctype html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, "Noto Sans CJK SC", sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #1c2126; background: #fff; }}
h1 {{ font-size: 1.4rem; }}
h2 {{ font-size: 1.05rem; margin: 1.8rem 0 .4rem; }}
table {{ border-collapse: collapse; border-block: 1.5px solid #1c2126; }}
th {{ border-bottom: 1px solid #1c2126; text-align: left; }}
th, td {{ padding: .2rem 1.6rem .2rem 0; vertical-align: top; white-space: pre-wrap; }}
tr + tr td {{ border-top: 1px solid #e3e7ea; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{files}</p>
{body}
</body>
</html>
"""
