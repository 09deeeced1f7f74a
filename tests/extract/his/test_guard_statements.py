"""Nothing but one SELECT that only reads is ever sent."""

from __future__ import annotations

import pytest

from extract.errors import CohortlockError, NotSelect, SiteInvalid
from extract.his import compile as compiled
from extract.his.guard.statements import check_select
from extract.his.pull import pull
from extract.his.sites import load_site

WRITES = [
    ("sqlite", "DELETE FROM t"),
    ("sqlite", "INSERT INTO t VALUES (1)"),
    ("postgresql", "UPDATE t SET a = 1 RETURNING a"),
    ("oracle", "MERGE INTO t USING s ON (t.a = s.a) WHEN MATCHED THEN UPDATE SET b = 1"),
    ("postgresql", "TRUNCATE t"),
    ("postgresql", "CREATE TABLE x AS SELECT 1"),
    ("mssql", "DROP TABLE t"),
    ("sqlite", "PRAGMA writable_schema = 1"),
    ("postgresql", "COPY t TO '/tmp/x'"),
    ("duckdb", "COPY (SELECT 1) TO 'x.csv'"),
    ("postgresql", "WITH gone AS (DELETE FROM t RETURNING a) SELECT a FROM gone"),
    ("postgresql", "SELECT a INTO x FROM t"),
    ("mssql", "SELECT a INTO #x FROM t"),
    ("mysql", "SELECT a FROM t /*! INTO OUTFILE '/tmp/x' */"),
    ("mariadb", "SELECT a FROM t /*M!100100 FOR UPDATE */"),
    ("postgresql", "SELECT 1; DELETE FROM t"),
    ("mssql", "EXEC xp_cmdshell 'dir'"),
    ("mysql", "CALL p()"),
    ("postgresql", "SET statement_timeout = 0"),
]
LOCKS = [
    ("postgresql", "SELECT a FROM t FOR UPDATE"),
    ("postgresql", "SELECT a FROM t FOR KEY SHARE SKIP LOCKED"),
    ("mariadb", "SELECT a FROM t LOCK IN SHARE MODE"),
    ("oracle", "SELECT a FROM t FOR UPDATE"),
    ("mssql", "SELECT a FROM t WITH (UPDLOCK)"),
    ("mssql", "SELECT a FROM t WITH (NOLOCK)"),
    ("mssql", "SELECT a FROM t (NOLOCK) JOIN s WITH (READUNCOMMITTED) ON t.a = s.a"),
]
EFFECTS = [
    ("postgresql", "SELECT nextval('s')"),
    ("oracle", "SELECT s.NEXTVAL FROM dual"),
    ("mssql", "SELECT NEXT VALUE FOR s"),
    ("postgresql", "SELECT a FROM t WHERE pg_sleep(1) IS NULL"),
    ("mariadb", "SELECT SLEEP(1)"),
    ("mysql", "SELECT BENCHMARK(100000, MD5('x'))"),
    ("mysql", "SELECT @a := 1"),
    ("mysql", "SELECT LOAD_FILE('/etc/passwd')"),
    ("mariadb", "SELECT GET_LOCK('x', 10)"),
    ("postgresql", "SELECT lo_import('/etc/passwd')"),
    ("postgresql", "SELECT pg_catalog.set_config('statement_timeout', '0', false)"),
    ("postgresql", "SELECT pg_read_file('/etc/passwd')"),
    ("postgresql", "SELECT pg_terminate_backend(1)"),
    ("postgresql", "SELECT pg_try_advisory_lock(1)"),
    ("postgresql", "SELECT * FROM dblink('host=x', 'SELECT 1') AS t(a int)"),
    ("postgresql", "SELECT query_to_xml('SELECT 1', true, true, '')"),
    ("mssql", "SELECT * FROM OPENROWSET('x', 'y', 'z')"),
    ("oracle", "SELECT utl_http.request('http://x') FROM dual"),
    ("oracle", "SELECT sys.dbms_lock.sleep(1) FROM dual"),
    ("sqlite", "SELECT load_extension('x')"),
]
READS = [
    ("oracle", "SELECT dbms_lob.substr(a, 4000, 1) FROM t"),
    ("oracle", "SELECT /*+ INDEX(t) */ a AS nextval FROM t"),
    ("postgresql", "SELECT 'FOR UPDATE; DELETE FROM t' AS a, sleep_score FROM t -- pg_sleep(1)"),
    ("mariadb", "SELECT a FROM t WHERE a IN (:k0, :k1, :k2) UNION ALL SELECT b FROM s"),
    ("mssql", "SELECT TOP 1 a FROM t"),
    ("duckdb", "WITH x AS (SELECT 1 AS a) SELECT a FROM x"),
]


@pytest.mark.parametrize(("dialect", "sql"), [*WRITES, *LOCKS, *EFFECTS])
def test_what_does_more_than_read_is_refused_with_its_own_code(dialect, sql):
    with pytest.raises(NotSelect) as caught:
        check_select(sql, dialect, "lab.sql")
    assert caught.value.code == 27
    assert caught.value.message.startswith("lab.sql: ")


@pytest.mark.parametrize(("dialect", "sql"), READS)
def test_a_select_that_only_reads_passes(dialect, sql):
    check_select(sql, dialect, "lab.sql")


def test_what_does_not_parse_is_not_sent_either():
    """MySQL's INTO OUTFILE is not known to the parser: no proof, no statement."""
    with pytest.raises(SiteInvalid):
        check_select("SELECT a FROM t INTO OUTFILE '/tmp/x'", "mysql", "lab.sql")


def test_a_pack_that_locks_is_refused_before_the_database_is_asked(study):
    text = load_site(study).pack.tables["lab"].sql
    (study.root / "sql").mkdir()
    header = "-- name: x\n-- purpose: x\n-- params: none\n-- grain: x\n-- phi: none\n"
    (study.root / "sql" / "lab.sql").write_text(header + text + "\n FOR UPDATE", encoding="utf-8")
    with pytest.raises(NotSelect):
        pull(study)
    assert not study.landing.exists()


def test_every_composed_statement_of_a_pull_passes(study):
    site, protocol = load_site(study), study.protocol()
    statements = [*compiled.candidates_sql(site, protocol), *compiled.chart_sql(site, protocol)]
    assert len(statements) > 10
    for statement in statements:
        check_select(statement.sql, site.dialect, statement.name)


def test_each_refusal_has_a_code_of_its_own():
    def below(kind):
        return [kind, *(one for child in kind.__subclasses__() for one in below(child))]

    kinds = [kind for kind in below(CohortlockError) if kind.__module__ == "extract.errors"]
    assert len({kind.code for kind in kinds}) == len({kind.slug for kind in kinds}) == len(kinds)
    assert {26, 27, 28, 29} <= {kind.code for kind in kinds}
