"""A large hospital of the jw1 shape on PostgreSQL, made by the server itself, and what its nights change."""

from __future__ import annotations

import os
import uuid
from types import TracebackType
from typing import Any, Self

import psycopg

from extract.synthetic.schema import create_indexes, create_tables

POSTGRES = os.environ.get("COHORTLOCK_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
_PLAIN = POSTGRES.replace("+psycopg", "")

# One patient in eleven has both a pain and an ESR; a patient has ten notes, six requests, thirty results.
_FILL = """
INSERT INTO pat_master_index (patient_id, sex, date_of_birth)
SELECT lpad(p::text, 8, '0'), CASE p % 2 WHEN 0 THEN '男' ELSE '女' END, DATE '1940-01-01' + (p * 7 % 25000)
FROM generate_series(1, %(patients)s) p;

INSERT INTO clinic_master (visit_date, visit_no, patient_id, visit_dept)
SELECT TIMESTAMP '2022-01-01' + INTERVAL '1 day' * ((p * 31 + n * 199) % 1200), p * 10 + n,
       lpad(p::text, 8, '0'), '骨科门诊'
FROM generate_series(1, %(patients)s) p, generate_series(0, 5) n;

INSERT INTO outp_mr (patient_id, visit_date, visit_no, ordinal, illness_desc, anamnesis, body_exam, diag_desc, diag_code)
SELECT c.patient_id, c.visit_date, c.visit_no, 1,
       CASE WHEN c.visit_no / 10 % 11 = 0 THEN '腰痛反复发作' ELSE '咳嗽咳痰伴发热' END
         || (c.visit_no % 30) || '天，无明显诱因，' || repeat('活动后加重，休息后稍缓解，纳眠可，二便调。', 5),
       '既往体健，否认高血压、糖尿病史。', repeat('神清，精神可，心肺听诊未见异常，腹软无压痛。', 3),
       '门诊诊断', 'M54.5'
FROM clinic_master c;

INSERT INTO pat_visit (patient_id, visit_id, dept_admission_to, admission_date_time, discharge_date_time)
SELECT lpad(p::text, 8, '0'), 1, '骨科', TIMESTAMP '2022-01-02 08:00' + INTERVAL '1 day' * (p * 17 % 1190),
       TIMESTAMP '2022-01-12 08:00' + INTERVAL '1 day' * (p * 17 % 1190)
FROM generate_series(1, %(patients)s) p;

INSERT INTO jhmr_file_index (file_unique_id, patient_id, visit_id, topic, caption_date_time, last_modify_date_time, delete_flag)
SELECT 'F' || v.patient_id || n, v.patient_id, '1', '病程记录', v.admission_date_time + INTERVAL '1 day' * n,
       v.admission_date_time + INTERVAL '1 day' * n, '0'
FROM pat_visit v, generate_series(0, 3) n;

INSERT INTO jhmr_file_content_text (file_unique_id, mr_content)
SELECT f.file_unique_id, repeat('今日查房，患者诉症状较前好转，查体同前，继续目前治疗方案，注意观察病情变化。', 5)
         || f.file_unique_id
FROM jhmr_file_index f;

INSERT INTO lab_test_master (test_no, patient_id, visit_id, specimen, spcm_sample_date_time, requested_date_time,
                             results_rpt_date_time, result_status)
SELECT lpad(p::text, 8, '0') || n, lpad(p::text, 8, '0'), CASE WHEN n < 3 THEN 1 END, '全血',
       v.admission_date_time + INTERVAL '1 day' * n, v.admission_date_time, v.admission_date_time, '4'
FROM generate_series(1, %(patients)s) p
JOIN pat_visit v ON v.patient_id = lpad(p::text, 8, '0'), generate_series(0, 5) n;

INSERT INTO lab_result (test_no, item_no, print_order, report_item_name, report_item_code, result, units,
                        result_date_time, reference_result)
SELECT m.test_no, i, 1,
       (ARRAY['白细胞计数', '血红蛋白', '血小板计数', CASE right(m.test_no, 1) WHEN '3' THEN '血沉(ESR)' ELSE '单核细胞' END,
              'C反应蛋白'])[i],
       'T' || i, ((hashtext(m.test_no) %% 97 + 97) + i)::text, 'mm/h', m.results_rpt_date_time, '0-20'
FROM lab_test_master m, generate_series(1, 5) i;
"""

# Of the patients whose number falls below the share: results corrected, requests late, notes edited, some deleted.
_NIGHT = """
UPDATE lab_result SET result = result || '.' || %(night)s
WHERE left(test_no, 8) IN (SELECT patient_id FROM tonight) AND item_no IN (1, 4);
UPDATE jhmr_file_content_text SET mr_content = mr_content || '（修改）'
WHERE substr(file_unique_id, 2, 8) IN (SELECT patient_id FROM tonight);
UPDATE jhmr_file_index SET last_modify_date_time = TIMESTAMP '2026-01-01' + INTERVAL '1 day' * %(night)s
WHERE patient_id IN (SELECT patient_id FROM tonight);
DELETE FROM lab_result WHERE left(test_no, 8) IN (SELECT patient_id FROM tonight) AND item_no = 5 AND right(test_no, 1) = '2';
INSERT INTO lab_test_master (test_no, patient_id, spcm_sample_date_time, result_status)
SELECT patient_id || 'N' || %(night)s, patient_id, TIMESTAMP '2025-01-01 08:00', '4' FROM tonight;
INSERT INTO lab_result (test_no, item_no, print_order, report_item_name, result, units)
SELECT patient_id || 'N' || %(night)s, i, 1, '血沉(ESR)', '20', 'mm/h' FROM tonight, generate_series(1, 5) i;
"""


class NightHospital:
    """A database of its own, dropped at the end; ``notes`` notes, three times as many results."""

    def __init__(self, notes: int) -> None:
        self.name = f"nights_{uuid.uuid4().hex[:12]}"
        self.url = f"{POSTGRES.rpartition('/')[0]}/{self.name}"
        self.patients = notes // 10
        self._nights = 0

    def __enter__(self) -> Self:
        with self._connect() as server:
            server.execute(f"CREATE DATABASE {self.name}")
        with self._connect(self.name) as his:
            for statement in create_tables():
                his.execute(statement)
            for statement in (
                _FILL.replace("%%", "%").replace("%(patients)s", str(self.patients)).split(";\n")
            ):
                his.execute(statement)
            for statement in create_indexes():
                his.execute(statement)
            his.execute("VACUUM ANALYZE")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._connect() as server:
            server.execute(f"DROP DATABASE {self.name} WITH (FORCE)")

    def night(self, share: float) -> int:
        """Change the charts of ``share`` of the patients; returns the rows changed."""
        if not share:
            return 0
        self._nights += 1
        changed = 0
        with self._connect(self.name) as his, his.transaction():
            his.execute(
                "CREATE TEMP TABLE tonight ON COMMIT DROP AS SELECT patient_id FROM pat_master_index"
                " WHERE abs(hashtext(patient_id || %s)) %% 10000 < %s",
                (str(self._nights), round(share * 10_000)),
            )
            for statement in (
                _NIGHT.replace("%(night)s", f"'{self._nights}'")
                .replace(f"INTERVAL '1 day' * '{self._nights}'", f"INTERVAL '{self._nights} day'")
                .split(";\n")
            ):
                if statement.strip():
                    changed += his.execute(statement).rowcount
        return changed

    def _connect(self, name: str = "") -> psycopg.Connection[Any]:
        more = {"dbname": name} if name else {}
        return psycopg.connect(_PLAIN, autocommit=True, **more)
