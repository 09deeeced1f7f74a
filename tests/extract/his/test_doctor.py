"""The doctor looks at everything a pull will need, and tells it as checks."""

from __future__ import annotations

import re

from extract.his.approval import approve, card
from extract.his.doctor import doctor
from extract.his.engines.relational import RelationalEngine
from extract.study.keywords import Matcher


def by_id(checks):
    return {check["id"]: check for check in checks}


def approved(study):
    approve(study, by="Dr Li", reason="2022-KY-014")
    return study


def test_before_the_approval_not_one_row_is_read(study, monkeypatch):
    """...of any table: the catalogue and the rights are looked at, and it is said that no text was."""
    real, read = RelationalEngine.stream, []

    def noted(self, sql, *args, **kwargs):
        read.append(sql)
        return real(self, sql, *args, **kwargs)

    monkeypatch.setattr(RelationalEngine, "stream", noted)
    found = by_id(doctor(study))
    assert (found["schema"]["ok"], found["rights"]["ok"], found["not-approved"]["ok"]) == (True, True, False)
    assert "no text was looked at" in found["not-approved"]["message"]
    assert read == []
    found = by_id(doctor(approved(study)))
    assert found["approval"]["message"] == "approved by Dr Li"
    assert any("jhmr_file_content_text" in sql for sql in read)


def test_every_row_that_the_doctor_reads_stands_on_the_approval_card(study, monkeypatch):
    """...to the letter; a term that is sent there and back reads no table."""
    shown = {one["sql"] for one in card(study)["statements"]}
    real, read = RelationalEngine.stream, []

    def noted(self, sql, *args, **kwargs):
        read.append(sql)
        return real(self, sql, *args, **kwargs)

    monkeypatch.setattr(RelationalEngine, "stream", noted)
    doctor(approved(study))
    beyond = {sql for sql in read if sql not in shown}
    assert {re.sub(r"\s+", " ", sql) for sql in beyond} == {"SELECT CAST(:term AS VARCHAR(200)) AS term"}
    assert len(set(read) & shown) > 5


def test_a_healthy_site(study):
    checks = doctor(approved(study))
    assert all(check["ok"] for check in checks)
    found = by_id(checks)
    assert found["schema"]["message"].startswith("17 source tables")
    terms = len(Matcher.of(study.protocol().search).leaves)
    assert found["encoding"]["message"].startswith(f"{terms} search terms")


def test_a_right_to_write_is_a_check_that_fails(postgres_demo, postgres_admin, studies, tmp_path):
    found = by_id(doctor(approved(studies(tmp_path / "admin", postgres_admin))))
    assert "superuser" in found["write-right"]["message"]
    assert not found["write-right"]["ok"]
    assert "encoding" in found
    found = by_id(doctor(studies(tmp_path / "reader", postgres_demo)))
    assert found["rights"] == {
        "id": "rights",
        "ok": True,
        "message": "the account has no right to write to what is read",
    }


def test_every_missing_column_is_its_own_line(study, change):
    change("ALTER TABLE LAB_RESULT DROP COLUMN UNITS", "ALTER TABLE ORDERS DROP COLUMN ORDER_STATUS")
    bad = [check["message"] for check in doctor(approved(study)) if not check["ok"]]
    assert len(bad) == 2
    assert "table lab_result has no column units (read by jw1/lab.sql)" in bad
    assert any("table orders has no column order_status" in message for message in bad)


def test_what_cannot_be_reached_is_a_check_and_not_a_traceback(study):
    study.site_file.write_text(study.site_file.read_text().replace("his.db", "none.db"))
    checks = doctor(study)
    assert [check["ok"] for check in checks] == [True, True, True, False]
    assert checks[-1]["id"] == "source-unreachable"
    study.site_file.unlink()
    assert doctor(study)[-1]["id"] == "site-invalid"


def test_an_absent_table_is_listed(hospital, studies, tmp_path):
    study = studies(tmp_path / "s", f"sqlite:///{hospital}", 'absent = ["scale"]')
    assert "absent scale" in by_id(doctor(study))


def test_a_term_that_the_database_loses_is_found(study, monkeypatch):
    """An Oracle client with a Latin code page turns 腰痛 into ??: the search would silently find nothing."""
    real = RelationalEngine.stream

    def lossy(self, sql, params, *args, **kwargs):
        lost = {
            k: str(v).encode("latin-1", "replace").decode() if k == "term" else v for k, v in params.items()
        }
        return real(self, sql, lost, *args, **kwargs)

    monkeypatch.setattr(RelationalEngine, "stream", lossy)
    bad = [check for check in doctor(approved(study)) if not check["ok"]]
    assert {check["id"] for check in bad} == {"encoding"}
    assert len(bad) == 4
