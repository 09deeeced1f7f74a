"""What SQL Server and Oracle would be asked, read as text: no server of theirs is here.

``COHORTLOCK_WRITE_GOLDEN=1`` writes the files anew; look at the difference before it is committed.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from extract.his.asked import asked_offline
from extract.his.compile import Statement
from extract.his.engines.binds import is_term, names
from extract.his.engines.dialects import said
from extract.his.engines.odbc import sizes
from extract.his.packs import read_pack
from extract.his.sites import Limits, Site
from extract.study import protocol as protocols
from sql import packs

GOLDEN = Path(__file__).parent / "golden"
PROTOCOL = protocols.load(Path(protocols.__file__).parent / "templates" / "esr-pain" / "study.toml")
PARSED_AS = {"mssql": "tsql", "oracle": "oracle"}
OURS = re.compile(r"^canonical_\w+$|^(one_person|in_window|asked|named|likely|likely_patient|found)$")
TRUSTED = ("document", "lab", "patient", "visit")
CASES = [(pack, dialect) for pack in ("jw1", "omop54") for dialect in ("mssql", "oracle")]


def statements(pack: str, dialect: str) -> list[Statement]:
    site = Site(
        pack=read_pack(packs() / pack, dialect), url=f"{dialect}+odbc://HIS", zone="Asia/Shanghai",
        limits=Limits(window="decade", trusted=TRUSTED), root=Path(),
    )  # fmt: skip
    found = [one.statement for one in asked_offline(site, PROTOCOL)]
    windows = [one for one in found if one.name.startswith("candidates 2")]
    return [one for one in found if one not in windows[1:] and not one.name.startswith("count_")]


@pytest.fixture(params=CASES, ids="-".join)
def composed(request):
    return request.param[1], statements(*request.param)


@pytest.mark.parametrize(("pack", "dialect"), CASES)
def test_the_statements_are_those_that_were_looked_at(pack, dialect):
    """...word for word; a change of a pack, of the layer or of the parser shows here."""
    said_now = "\n\n".join(
        f"-- {one.name}\n-- binds: {', '.join(sorted(names(one.sql)))}\n{one.sql};"
        for one in statements(pack, dialect)
    )
    file = GOLDEN / f"{pack}.{dialect}.sql"
    if os.environ.get("COHORTLOCK_WRITE_GOLDEN"):
        file.write_text(said_now + "\n", encoding="utf-8")
    assert file.read_text(encoding="utf-8") == said_now + "\n"


def test_each_is_one_select_of_its_dialect(composed):
    dialect, found = composed
    for one in found:
        [tree] = sqlglot.parse(one.sql, read=PARSED_AS[dialect])
        assert isinstance(tree, exp.Query)
        assert tree.find(exp.Insert, exp.Update, exp.Delete, exp.Into, exp.Command) is None


def test_nothing_that_an_old_server_does_not_know(composed):
    """No OFFSET, LIMIT, FETCH; TOP where the doctor samples; no boolean value; no locking hint; names of 30 bytes at most."""
    dialect, found = composed
    for one in found:
        tree = sqlglot.parse_one(one.sql, read=PARSED_AS[dialect])
        assert tree.find(exp.Offset, exp.Fetch, exp.Boolean, exp.Lock, exp.WithTableHint) is None
        assert not re.search(r"\bLIMIT\b", one.sql)
        assert tree.find(exp.Limit) is None or "SELECT TOP 100 " in one.sql
        assert not re.search(r"\b(NOLOCK|READ UNCOMMITTED|LPAD)\b", one.sql) or dialect == "oracle"
        assert all(len(name.name.encode()) <= 30 for name in tree.find_all(exp.Identifier))
        for many in tree.find_all(exp.In):
            assert len(many.expressions) <= 1000


def test_an_in_list_cannot_grow_beyond_what_oracle_takes():
    assert Limits.model_fields["key_batch"].metadata
    with pytest.raises(ValueError, match="500"):
        Limits(key_batch=501)


def test_days_are_eight_digits_read_by_a_cast(composed):
    """...since a date with dashes is read by the session's language."""
    dialect, found = composed
    form = {"mssql": "CAST(:from_date AS DATETIME)", "oracle": "TO_DATE(:from_date, 'YYYYMMDD')"}[dialect]
    dated = [one for one in found if "from_date" in one.params]
    assert len(dated) >= 8
    for one in dated:
        assert form in one.sql
        assert re.fullmatch(r"\d{8}", str(one.params["from_date"]))


def test_terms_travel_as_nvarchar_and_keys_as_varchar():
    """A key bound as nvarchar turns the whole column to nvarchar, and its index is of no use."""
    varchar, wide = 12, -9
    assert [kind for kind, *_ in sizes(["k0", "leaf_0_0", "from_date"])] == [varchar, wide, varchar]
    assert is_term("leaf_3_1")


@pytest.mark.parametrize("pack", ["jw1", "omop54"])
def test_chinese_literals_are_national_on_sql_server(pack):
    """'颈' without N is ? where the database's code page is not Chinese."""
    for one in statements(pack, "mssql"):
        for literal in re.findall(r"(N?)'([^']*)'", one.sql):
            assert literal[1].isascii() or literal[0] == "N", literal


@pytest.mark.parametrize("pack", ["jw1", "omop54"])
def test_a_null_column_has_a_type_on_sql_server(pack):
    """COALESCE(NULL as int, a text key) would read the key as a number."""
    for one in statements(pack, "mssql"):
        assert not re.search(r"(?m)^\s*NULL\s+AS \w+", one.sql)


def packed(sql: str) -> str:
    return re.sub(r"\s+", "", sql)


def test_joining_null_stays_null_on_oracle():
    """...where 'I|' || NULL is 'I|'; an empty text in COALESCE is no reason for NULL."""
    assert packed(said("SELECT 'I|' || t.a AS x FROM t", "oracle")) == packed(
        "SELECT CASE WHEN NOT t.a IS NULL THEN 'I|' || t.a END AS x FROM t"
    )
    kept = said("SELECT COALESCE('h' || t.a, '') || COALESCE('i' || t.b, '') AS x FROM t", "oracle")
    assert packed(kept) == packed(
        "SELECT NVL(CASE WHEN NOT t.a IS NULL THEN 'h' || t.a END, '')"
        " || NVL(CASE WHEN NOT t.b IS NULL THEN 'i' || t.b END, '') AS x FROM t"
    )


def test_a_timestamp_beside_a_date_is_converted_on_oracle():
    """...which its COALESCE refuses."""
    assert packed(said("SELECT COALESCE(t.a, t.b, t.c) AS x FROM t", "oracle")) == packed(
        "SELECT NVL(t.a, NVL(t.b, t.c)) AS x FROM t"
    )


def test_a_time_in_a_key_is_written_the_same_everywhere():
    """SQL Server's own form is ``Mar  4 2022  8:00AM``."""
    asked = "SELECT SUBSTR(CAST(t.d AS VARCHAR(30)), 1, 10) || CAST(t.n AS VARCHAR(10)) AS x FROM t"
    assert packed(said(asked, "mssql")) == packed(
        "SELECT SUBSTRING(CONVERT(VARCHAR(30), t.d, 120), 1, 10) + CAST(t.n AS VARCHAR(10)) AS x FROM t"
    )
    assert "AS CHAR(30)" in said(asked, "mysql")
    assert said(asked, "mariadb") == asked


KNOWN = {
    "mssql": {"CAST", "COALESCE", "CONVERT", "COUNT", "LOWER", "MAX", "RIGHT", "SUBSTRING", "VARBINARY"},
    "oracle": {
        "CAST", "CAST_TO_RAW", "COALESCE", "COUNT", "LOWER", "LPAD", "MAX", "NVL", "NVL2", "RAWTOHEX", "SUBSTR",
        "TO_CLOB", "TO_DATE",
    },
}  # fmt: skip
"""Functions that SQL Server 2005 and Oracle 10g have; LEN, CONCAT, IIF, TRY_CAST, LISTAGG, STRING_AGG came later."""
TYPES = {"VARCHAR", "NVARCHAR", "VARCHAR2", "DATETIME"}


def test_every_function_is_one_that_an_old_server_has(composed):
    dialect, found = composed
    for one in found:
        text = re.sub(r"'(?:[^']|'')*'", "''", one.sql)
        called = set(re.findall(r"\b([A-Za-z_]\w*)\(", text)) - TYPES
        assert called <= KNOWN[dialect] | {"IN"}, called - KNOWN[dialect]


def test_what_one_of_them_says_otherwise_is_said_so(composed):
    """No || on SQL Server; on Oracle no + between texts, no AS before a table's alias, no VARCHAR without a width."""
    dialect, found = composed
    for one in found:
        text = re.sub(r"'(?:[^']|'')*'", "''", one.sql)
        if dialect == "mssql":
            assert "||" not in text
            assert not re.search(r"\bSUBSTR\(|\bLENGTH\(|\bFROM dual\b|:=", text, re.IGNORECASE)
        else:
            assert "+" not in text
            assert not re.search(r"\b(?:FROM|JOIN)\s+\w+\s+AS\s", text)
            assert not re.search(r"\)\s+AS\s+\w+\s*(?:\n\s*)?(?:ON|JOIN|LEFT|WHERE)\b", text)
        assert not re.search(r"\bVARCHAR2?\b(?!\()", text)
        assert "[" not in text
        assert '"' not in text
        assert "`" not in text


def test_no_long_text_is_compared_sorted_or_made_distinct(composed):
    """A CLOB or ntext may be searched and read: DISTINCT, GROUP BY, ORDER BY and UNION over one are refused."""
    dialect, found = composed
    for one in found:
        tree = sqlglot.parse_one(one.sql, read=PARSED_AS[dialect])
        assert tree.find(exp.Order) is None
        for select in tree.find_all(exp.Select):
            if select.args.get("distinct") or select.args.get("group"):
                named = {
                    column.name.lower()
                    for column in select.find_all(exp.Column)
                    if column.parent_select is select
                }
                assert not named & {"text", "report_text", "mr_content", "note_text"}
        for union in tree.find_all(exp.Union):
            if union.args.get("distinct"):
                assert set(union.named_selects) == {"patient_id"}


def test_keys_and_days_are_bound_as_what_they_are_and_never_written_into_the_text(composed):
    """No literal of a day, and no value of a search, stands in a statement."""
    _, found = composed
    for one in found:
        assert not re.search(r"'\d{8}'|'\d{4}-\d{2}-\d{2}", one.sql)
        assert names(one.sql) == set(one.params)
        for name, value in one.params.items():
            if is_term(name):
                assert str(value).strip("%") not in one.sql
