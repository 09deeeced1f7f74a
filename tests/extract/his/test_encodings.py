"""GBK wherever hospitals keep it: the same candidates and the same texts as the UTF-8 hospital, and a doctor who says so."""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
import uuid
from pathlib import Path
from urllib.parse import quote

import psycopg
import pyarrow.compute as pc
import pymysql
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from extract.errors import SiteInvalid
from extract.his.approval import approve
from extract.his.doctor import doctor
from extract.his.encodings import Encodings, decoded, kept, raw_of, spelled
from extract.his.encodings_sample import kind_of, verdict
from extract.his.encodings_sql import byte_literals
from extract.his.landing import Landing
from extract.his.pull import pull
from extract.his.sites import load_site
from extract.study import protocol
from extract.study.folder import StudyFolder
from extract.study.superset import pattern, unpattern
from extract.synthetic.hospital import build
from extract.synthetic.schema import TABLES, create_indexes, create_tables

WHOLE = '[encoding]\n"*" = "gb18030"\n'


# ---- the codec ----


@given(st.binary(max_size=60))
def test_no_byte_is_lost(raw):
    """...whatever a hospital stored, the text says it back byte by byte."""
    assert raw_of(decoded(raw, "gb18030"), "gb18030") == raw
    assert raw_of(decoded(raw, "utf-8"), "utf-8") == raw


@given(st.text(max_size=40), st.sampled_from(["utf-8", "gb18030"]))
def test_what_is_a_text_is_read_as_it_is(text, encoding):
    stored = "".join(c for c in text if not 0xD800 <= ord(c) <= 0xDFFF and ord(c) < 0x10FF00)
    stored = "".join(c for c in stored if c.encode(encoding).decode(encoding) == c)
    assert decoded(stored.encode(encoding), encoding) == stored
    assert kept(stored) == 0


@given(st.text(alphabet="腰痛颈ab ，。（血沉3", min_size=1, max_size=20))
def test_a_text_is_found_in_every_spelling(text):
    gbk = text.encode("gb18030")
    assert decoded(gbk, "gb18030") == text
    assert gbk.hex().upper() in spelled(text, "mixed")
    twice = gbk.decode("latin-1").encode()
    assert decoded(twice, "mojibake") == text
    assert twice.hex().upper() in spelled(text, "mojibake")


@given(st.text(alphabet="腰痛ab%_![]", max_size=12))
def test_a_pattern_says_its_text(text):
    assert unpattern(pattern(text)) == text


def approved(study: StudyFolder) -> StudyFolder:
    """Whose texts may be looked at."""
    approve(study, by="Dr Li", reason="2022-KY-014")
    return study


def test_a_mixed_column_is_read_text_by_text():
    """...女 in GBK is valid UTF-8, and is still 女; a ² is a ²."""
    for text in ("女", "男", "腰痛3月", "m²", "μg", "35±2"):
        assert decoded(text.encode("utf-8"), "mixed") == text
    for text in ("女", "男", "腰痛3月"):
        assert decoded(text.encode("gbk"), "mixed") == text


def test_kept_bytes_stand_between_what_can_be_read():
    text = decoded("腰痛".encode("gbk") + b"\xff\x80" + "三天".encode("gbk"), "gb18030")
    assert text == "腰痛\U0010ffff\U0010ff80三天"
    assert kept(text) == 2


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"VAS 6", "ascii"),
        ("腰痛3月".encode(), "utf-8"),
        ("腰痛3月".encode("gbk"), "gb18030"),
        ("腰痛3月".encode("gbk").decode("latin-1").encode(), "mojibake"),
        (b"????3??", "lost"),
        ("腰\N{REPLACEMENT CHARACTER}".encode(), "lost"),
        (b"\xff\xff\xff", "kept"),
        ("疼痛??".encode(), "utf-8"),
        ("女".encode("gbk"), "either"),
        ("12 ±3 mm²".encode(), "either"),
    ],
)
def test_a_text_is_told_by_its_bytes(raw, kind):
    assert kind_of(raw) == kind


def test_the_verdict_over_a_sample():
    assert verdict({"ascii": 9, "utf-8": 80}) is None
    assert verdict({"gb18030": 80, "utf-8": 2}) == "gb18030"
    assert verdict({"gb18030": 80, "utf-8": 40}) == "mixed"
    assert verdict({"mojibake": 3, "ascii": 90}) == "mojibake"


def test_literals_are_said_in_bytes_only_where_they_go_into_declared_columns():
    sql = "SELECT a.k AS document_id, '门诊' AS kind, COALESCE('【主诉】' || a.x, '') AS text FROM a WHERE a.y = '男'"
    names = ["document_id", "kind", "text"]
    said = byte_literals(sql, "document", names, "sqlite", Encodings(declared={"document.text": "gb18030"}))
    assert "'门诊'" in said
    assert "'男'" in said
    assert f"CAST(X'{'【主诉】'.encode('gb18030').hex().upper()}' AS TEXT) || a.x" in said
    said = byte_literals(sql, "document", names, "sqlite", Encodings(declared={"*": "gb18030"}))
    assert said.isascii()
    assert byte_literals(sql, "document", names, "sqlite", Encodings()) == sql


# ---- hospitals ----


@pytest.fixture(scope="module")
def little(tmp_path_factory):
    """A demo hospital of 90 patients in UTF-8, and what a pull of it lands."""
    folder = tmp_path_factory.mktemp("little")
    build(folder / "his.db", patients=90, truth=folder / "truth.json")
    return folder / "his.db", landed(folder / "his.db")


@pytest.fixture(scope="module")
def plain(little, tmp_path_factory):
    """The same without the characters that GB 2312 has no place for, or two databases write differently."""
    file = Path(shutil.copy(little[0], tmp_path_factory.mktemp("plain") / "his.db"))
    with sqlite3.connect(file) as db:
        db.create_function("narrow", 1, narrow)
        for table, shape in TABLES.items():
            db.execute(f"UPDATE {table} SET {', '.join(f'{c} = narrow({c})' for c in shape.names)}")
    db.close()
    return file, landed(file)


def narrow(value):
    if not isinstance(value, str):
        return value
    said = value.encode("gb2312", "replace").decode("gb2312")
    return re.sub("[—·～]", "-", said)


def landed(file: Path) -> Landing:
    study = study_of(file.parent / "study", f"sqlite:///{file}")
    pull(study)
    return Landing(study.landing)


def study_of(folder: Path, url: str, encoding: str = "") -> StudyFolder:
    folder.mkdir(parents=True)
    shutil.copy(Path(protocol.__file__).parent / "templates" / "esr-pain" / "study.toml", folder)
    (folder / "site.toml").write_text(
        f'format = 1\npack = "jw1"\n[source]\nurl = "{url}"\n[limits]\nwindow = "decade"\n'
        f'[safety]\nallow_write_right = "the owner of a database made for this test"\n{encoding}',
        encoding="utf-8",
    )
    return StudyFolder.at(folder)


def rows_of(file: Path):
    """Table, and its rows with texts as GBK bytes."""
    with sqlite3.connect(file) as db:
        for table in TABLES:
            yield table, db.execute(f"SELECT * FROM {table}").fetchall()
    db.close()


def gbk(row):
    return tuple(v.encode("gb18030") if isinstance(v, str) and not v.isascii() else v for v in row)


def in_sqlite(file: Path, folder: Path) -> str:
    with sqlite3.connect(folder / "gbk.db") as db:
        for statement in (*create_tables(), *create_indexes()):
            db.execute(statement)
        for table, rows in rows_of(file):
            for row in map(gbk, rows):
                marks = ", ".join("CAST(? AS TEXT)" if isinstance(v, bytes) else "?" for v in row)
                db.execute(f"INSERT INTO {table} VALUES ({marks})", row)
    db.close()
    return f"sqlite:///{folder / 'gbk.db'}"


@contextlib.contextmanager
def in_mariadb(file: Path, address: str, charset: str):
    """A database whose columns say ``charset``: gbk holds characters, latin1 GBK bytes."""
    at, name = sa.make_url(address), f"enc_{uuid.uuid4().hex[:12]}"
    login = {"host": at.host, "port": at.port or 3306, "user": at.username, "charset": "utf8mb4"}
    with contextlib.closing(pymysql.connect(**login)) as server:
        cursor = server.cursor()
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET {charset}")
        cursor.execute(f"USE {name}")
        try:
            for statement in create_tables():
                made = re.sub(r"(?i)(create table \w+)", lambda m: m[1].lower(), statement)
                made = made.replace("TIMESTAMP", "DATETIME").replace(" TEXT", " LONGTEXT")
                # A column that counts bytes as characters was made wider.
                cursor.execute(re.sub(r"VARCHAR\((\d+)\)", lambda m: f"VARCHAR({2 * int(m[1])})", made))
            for statement in create_indexes():
                cursor.execute(re.sub(r" ON (\w+)", lambda m: f" ON {m[1].lower()}", statement))
            for table, rows in rows_of(file):
                marks = ", ".join(["%s"] * len(TABLES[table].columns))
                if rows:
                    given = [gbk(row) if charset == "latin1" else row for row in rows]
                    cursor.executemany(f"INSERT INTO {table.lower()} VALUES ({marks})", given)
            server.commit()
            yield name, f"{at.host}:{at.port or 3306}"
        finally:
            cursor.execute(f"DROP DATABASE {name}")


@contextlib.contextmanager
def in_postgres(file: Path, address: str, encoding: str):
    """A database of ``encoding``: EUC_CN holds characters, SQL_ASCII and LATIN1 hold GBK bytes."""
    name, admin = f"enc_{uuid.uuid4().hex[:12]}", address.replace("+psycopg", "")
    with psycopg.connect(admin, autocommit=True) as server:
        server.execute(
            f"CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        )
        try:
            with psycopg.connect(admin, dbname=name, client_encoding="utf8") as inside:
                for statement in create_tables():
                    # A column that counts bytes as characters was made wider.
                    inside.execute(re.sub(r"VARCHAR\(\d+\)", "TEXT", statement))
                for table, rows in rows_of(file):
                    for row in rows if encoding == "EUC_CN" else map(gbk, rows):
                        marks = ", ".join(
                            f"convert_from(%s, '{encoding}')" if isinstance(v, bytes) else "%s" for v in row
                        )
                        inside.execute(f"INSERT INTO {table} VALUES ({marks})", row)
            yield name, sa.make_url(address)
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.contextmanager
def kept_by(way: str, request, file: Path, folder: Path):
    """URL of the hospital kept in one of the ways, and what site.toml has to say of it."""
    driver, _, store = way.partition(" ")
    if "odbc" in driver:
        request.getfixturevalue("odbc_drivers")
    if store == "bytes":
        url = in_sqlite(file, folder)
        if driver == "sqlite+odbc":
            text = f"DRIVER={{SQLite3}};Database={folder / 'gbk.db'}"
            url = f"sqlite+odbc:///?odbc_connect={quote(text)}"
        yield url, WHOLE
    elif driver.startswith("mariadb"):
        with in_mariadb(file, request.getfixturevalue("mariadb_url"), store) as (name, at):
            host, _, port = at.partition(":")
            text = f"DRIVER={{MariaDB Unicode}};SERVER={host};PORT={port};DATABASE={name};UID=root"
            url = f"mariadb+pymysql://root@{at}/{name}?charset=utf8mb4"
            odbc = f"mariadb+odbc:///?odbc_connect={quote(text)}"
            yield odbc if "odbc" in driver else url, WHOLE if store == "latin1" else ""
    else:
        with in_postgres(file, request.getfixturevalue("postgres_url"), store) as (name, at):
            text = f"DRIVER={{PostgreSQL Unicode}};SERVER={at.host};PORT={at.port or 5432};DATABASE={name};UID=postgres"
            url = at.set(database=name).render_as_string(hide_password=False)
            odbc = f"postgresql+odbc:///?odbc_connect={quote(text)}"
            yield odbc if "odbc" in driver else url, "" if store == "EUC_CN" else WHOLE


WAYS = [
    "sqlite bytes", "sqlite+odbc bytes",
    "mariadb gbk", "mariadb+odbc gbk", "mariadb latin1", "mariadb+odbc latin1",
    "postgresql+odbc SQL_ASCII", "postgresql SQL_ASCII", "postgresql+odbc LATIN1", "postgresql LATIN1",
    "postgresql+odbc EUC_CN",
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_the_same_candidates_and_the_same_texts(way, request, tmp_path):
    """...and, where site.toml says nothing yet, a doctor who names the column and the line to write."""
    file, reference = request.getfixturevalue("plain" if way.endswith(("gbk", "EUC_CN")) else "little")
    with kept_by(way, request, file, tmp_path) as (url, encoding):
        study = study_of(tmp_path / "study", url, encoding)
        assert [check for check in doctor(approved(study)) if not check["ok"]] == []
        pull(study)
        landing = Landing(study.landing)
        assert landing.candidates().equals(reference.candidates())
        assert landing.content_hashes() == reference.content_hashes()
        if way in {"sqlite bytes", "mariadb latin1", "postgresql SQL_ASCII", "postgresql+odbc LATIN1"}:
            bare = study_of(tmp_path / "bare", url)
            said = {c["id"]: c["message"] for c in doctor(approved(bare)) if not c["ok"]}
            assert (
                'write under [encoding] in site.toml: "document.text" = "gb18030"'
                in said["encoding document.text"]
            )
            assert not any(re.search("[腰颈肩]", text) for name, text in said.items() if name != "encoding")


def test_bytes_that_do_not_decode_are_kept_and_counted(little, tmp_path):
    file, _ = little
    url = in_sqlite(file, tmp_path)
    with sqlite3.connect(tmp_path / "gbk.db") as db:
        db.execute(
            "UPDATE JHMR_FILE_CONTENT_TEXT SET MR_CONTENT = CAST(CAST(MR_CONTENT AS BLOB) || X'FFFE' AS TEXT)"
        )
    db.close()
    study = study_of(tmp_path / "study", url, WHOLE)
    counted = {(r["table"], r["reason"]): r["count"] for r in pull(study).rejected}
    landing = Landing(study.landing)
    texts = landing.current("document", ["text"])["text"]
    spoilt = pc.sum(pc.match_substring(texts, "\U0010ffff\U0010fffe")).as_py()
    assert spoilt
    assert counted["document", "unreadable_text_bytes_kept"] == spoilt


def test_a_term_that_a_column_cannot_hold_is_an_error_that_names_the_column(plain, mariadb_url, tmp_path):
    """A gbk column has no place for 𨀣; the search would silently find nothing."""
    file, _ = plain
    with in_mariadb(file, mariadb_url, "gbk") as (name, at):
        study = study_of(tmp_path / "study", f"mariadb+pymysql://root@{at}/{name}?charset=utf8mb4")
        text = study.protocol_file.read_text(encoding="utf-8")
        study.protocol_file.write_text(text.replace("颈痛", "𨀣痛", 1), encoding="utf-8")
        bad = [check for check in doctor(approved(study)) if not check["ok"]]
        assert [check["id"] for check in bad] == ["encoding"]
        assert "'𨀣痛' does not survive the way to document.text" in bad[0]["message"]


def test_what_is_lost_is_said_and_not_mended(study, change):
    change("UPDATE JHMR_FILE_CONTENT_TEXT SET MR_CONTENT = '?????35mm/h'")
    [bad] = [check for check in doctor(approved(study)) if not check["ok"]]
    assert bad["id"] == "encoding document.text"
    assert "no setting brings them back" in bad["message"]


@pytest.mark.parametrize("line", ['"documents" = "gb18030"', '"document.body" = "gb18030"', '"*" = "gbk"'])
def test_a_line_that_names_nothing_is_refused(study, line):
    with study.site_file.open("a", encoding="utf-8") as site:
        site.write(f"\n[encoding]\n{line}\n")
    with pytest.raises(SiteInvalid):
        load_site(study)


def test_an_unknown_database_by_odbc_is_no_fault_of_the_site(odbc_drivers, little, tmp_path):
    """...its SQL is not known, so its bytes are not looked at, and the doctor says that."""
    text = f"DRIVER={{SQLite3}};Database={little[0]}"
    checks = doctor(approved(study_of(tmp_path / "study", f"odbc:///?odbc_connect={quote(text)}")))
    assert all(check["ok"] for check in checks)
    assert any("could not be looked at" in check["message"] for check in checks)
