"""The ninety: what the cohort file says can be read from the raw tables by somebody who knows neither code."""

from __future__ import annotations

import csv
import re
import sqlite3
import unicodedata
from datetime import date, datetime
from decimal import Decimal
from importlib.resources import files

import pytest

from extract.synthetic.people import CANARY, CANARY_PHONE

PAIN = ("颈痛", "肩痛", "腰痛", "腰腿痛")
RESULTS = """
    SELECT m.SPCM_SAMPLE_DATE_TIME, r.RESULT_DATE_TIME, r.REPORT_ITEM_NAME, r.RESULT, r.UNITS
    FROM LAB_TEST_MASTER m JOIN LAB_RESULT r USING (TEST_NO)
    WHERE m.PATIENT_ID = ? AND m.RESULT_STATUS = '4'
"""
NOTES = """
    SELECT VISIT_DATE, 'O' || VISIT_DATE || VISIT_NO, ILLNESS_DESC, MED_HISTORY, BODY_EXAM FROM OUTP_MR
    WHERE PATIENT_ID = :p
    UNION ALL
    SELECT CAPTION_DATE_TIME, 'I' || VISIT_ID, MR_CONTENT, '', '' FROM JHMR_FILE_INDEX
    JOIN JHMR_FILE_CONTENT_TEXT USING (FILE_UNIQUE_ID)
    WHERE PATIENT_ID = :p AND DELETE_FLAG = '0' AND TOPIC <> '出院记录'
"""


@pytest.fixture(scope="module")
def raw(demo):
    connection = sqlite3.connect(demo.path)
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def rows():
    text = files("extract.synthetic").joinpath("cohort.csv").read_text(encoding="utf-8")
    return {int(row["id"]): row for row in csv.DictReader(text.splitlines())}


def day(moment: str, t0: date) -> int:
    return (datetime.fromisoformat(moment).date() - t0).days


def nearest(found: list[tuple[int, str, Decimal]], target: int, low: int, high: int) -> Decimal:
    """(day, last word, value): nearest to the target; as near, the later day; of one day, the last word."""
    inside = [one for one in found if low <= one[0] <= high]
    best = min(abs(d - target) for d, _, _ in inside)
    return max((d, word, value) for d, word, value in inside if abs(d - target) == best)[2]


def results(raw, patient: str, t0: date, concept: str) -> list[tuple[int, str, Decimal]]:
    found = []
    for at, reported, name, text, unit in raw.execute(RESULTS, (patient,)):
        plain = unicodedata.normalize("NFKC", name).replace(" ", "")
        is_esr = "沉" in plain or plain == "ESR"
        is_crp = not is_esr and ("反应蛋白" in plain or "CRP" in plain) and not re.search("超敏|hs", plain)
        if (concept == "ESR" and is_esr and "方程" not in plain and "最大" not in plain) or (
            concept == "CRP" and is_crp
        ):
            value = Decimal(re.sub("[↑↓ ]", "", unicodedata.normalize("NFKC", text)))
            found.append((day(at, t0), reported, value * 10 if unit == "mg/dL" else value))
    return found


def scores(raw, patient: str, t0: date) -> list[tuple[int, str, Decimal]]:
    found = []
    for at, _, *texts in raw.execute(NOTES, {"p": patient}):
        told = re.findall(r"(?:评分|VAS)\D{0,4}?(\d+\.\d)分", "".join(t or "" for t in texts))
        if told:
            found.append((day(at, t0), "note", Decimal(told[-1])))
    query = "SELECT TIME_POINT, VITAL_SIGNS_CVALUES FROM VITAL_SIGNS_REC WHERE PATIENT_ID = ? AND VITAL_SIGNS = '疼痛评分'"
    found += [(day(at, t0), "nurse", Decimal(value)) for at, value in raw.execute(query, (patient,))]
    return found


def test_there_are_exactly_the_ninety_of_the_cohort_file(demo, rows):
    assert sorted(one["cohort_id"] for one in demo.truth["planted"]) == sorted(rows)
    assert len(rows) == 90
    assert all(one["fails"] == [] for one in demo.truth["planted"])


@pytest.mark.parametrize("concept", ["ESR", "CRP"])
def test_lab_values_at_both_timepoints_are_the_cohorts(demo, raw, rows, concept):
    """Nearest to T0 within [-3, 7] and to day 28 within [21, 35]; a correction beats what it corrects."""
    for one in demo.truth["planted"]:
        row, t0 = rows[one["cohort_id"]], date.fromisoformat(one["t0"])
        found = results(raw, one["patient_id"], t0, concept)
        assert nearest(found, 0, -3, 7) == Decimal(row[f"{concept.lower()}_t0"])
        assert nearest(found, 28, 21, 35) == Decimal(row[f"{concept.lower()}_t1"])


def test_scores_at_both_timepoints_are_the_cohorts(demo, raw, rows):
    for one in demo.truth["planted"]:
        row, t0 = rows[one["cohort_id"]], date.fromisoformat(one["t0"])
        found = scores(raw, one["patient_id"], t0)
        assert nearest(found, 0, -3, 7) == Decimal(row["vas_t0"])
        assert nearest(found, 28, 21, 35) == Decimal(row["vas_t1"])


def test_most_scores_stand_in_text_only(demo, raw):
    query = "SELECT DISTINCT PATIENT_ID FROM VITAL_SIGNS_REC WHERE VITAL_SIGNS = '疼痛评分'"
    nurses = {patient for (patient,) in raw.execute(query)}
    planted = {one["patient_id"] for one in demo.truth["planted"]}
    assert 5 <= len(nurses & planted) <= 35


def test_age_and_sex_are_the_cohorts_on_the_day_of_t0(demo, raw, rows):
    query = "SELECT SEX, DATE_OF_BIRTH FROM PAT_MASTER_INDEX WHERE PATIENT_ID = ?"
    for one in demo.truth["planted"]:
        row, t0 = rows[one["cohort_id"]], date.fromisoformat(one["t0"])
        sex, born = raw.execute(query, (one["patient_id"],)).fetchone()
        birth = date.fromisoformat(born[:10])
        assert t0.year - birth.year - ((t0.month, t0.day) < (birth.month, birth.day)) == int(row["age"])
        assert (sex == "男") == (row["male"] == "1")


def test_body_mass_index_is_the_cohorts_and_agrees_with_height_and_weight(demo, raw, rows):
    seen = 0
    for one in demo.truth["planted"]:
        row, t0 = rows[one["cohort_id"]], date.fromisoformat(one["t0"])
        told = [
            value
            for at, value in raw.execute(
                "SELECT TIME_POINT, VITAL_SIGNS_CVALUES FROM VITAL_SIGNS_REC"
                " WHERE PATIENT_ID = ? AND VITAL_SIGNS = '体重指数'",
                (one["patient_id"],),
            )
            if day(at, t0) == 0
        ]
        for at, _, *texts in raw.execute(NOTES, {"p": one["patient_id"]}):
            text = "".join(t or "" for t in texts)
            match = re.search(r"身高(\d+)cm，体重([\d.]+)kg，\D+([\d.]+)", text)
            if match and day(at, t0) == 0:
                told.append(match[3])
                seen += 1
                assert abs(float(match[2]) / (int(match[1]) / 100) ** 2 - float(match[3])) < 0.05
        assert set(told) == {row["bmi"]}
    assert seen > 40


def test_t0_is_the_first_visit_that_has_both_words(demo, raw):
    """Literally: a pain word and ESR (not inside ESRD or ESR1), in notes or in a lab item of that day or the next."""
    for one in demo.truth["planted"]:
        t0 = date.fromisoformat(one["t0"])
        visits: dict[str, list[str]] = {}
        began: dict[str, str] = {}
        for at, visit, *texts in raw.execute(NOTES, {"p": one["patient_id"]}):
            visits.setdefault(visit, []).extend(t or "" for t in texts)
            began[visit] = min(began.get(visit, at), at)
        labs = [
            day(at, t0) for at, _, name, _, _ in raw.execute(RESULTS, (one["patient_id"],)) if "ESR" in name
        ]
        matching = set()
        for visit, texts in visits.items():
            text, on = "".join(texts), day(began[visit], t0)
            word = re.search(r"ESR(?![D1])", text) or any(on <= lab <= on + 1 for lab in labs)
            if word and any(pain in text for pain in PAIN) and began[visit] >= "2022":
                matching.add(on)
        assert min(matching) == 0


def test_some_charts_carry_values_that_must_lose(demo, raw):
    """Ties won by the later day, repeats in the window, voided tests: each occurs among the ninety."""
    ties = repeats = voided = 0
    for one in demo.truth["planted"]:
        t0 = date.fromisoformat(one["t0"])
        days = {d for d, _, _ in results(raw, one["patient_id"], t0, "ESR") if 21 <= d <= 35}
        ties += any(56 - d in days for d in days if d > 28)
        repeats += len(days) > 1
        query = "SELECT count(*) FROM LAB_TEST_MASTER WHERE PATIENT_ID = ? AND RESULT_STATUS = '9'"
        voided += raw.execute(query, (one["patient_id"],)).fetchone()[0]
    assert ties >= 1
    assert repeats >= 8
    assert voided >= 3


def test_both_settings_and_merged_numbers_occur(demo, raw):
    planted = [one["patient_id"] for one in demo.truth["planted"]]
    marks = ",".join("?" * len(planted))
    merged = raw.execute(f"SELECT count(*) FROM PAT_ID_MERGE WHERE INTO_PATIENT_ID IN ({marks})", planted)
    assert merged.fetchone()[0] >= 1
    stays = 0
    for one in demo.truth["planted"]:
        query = "SELECT 1 FROM PAT_VISIT WHERE PATIENT_ID = ? AND date(ADMISSION_DATE_TIME) = ?"
        stays += raw.execute(query, (one["patient_id"], one["t0"])).fetchone() is not None
    assert 25 <= stays <= 65


def test_one_planted_patient_carries_the_canary(demo, raw):
    """In the name, the next of kin, the telephone and one note; and nobody else does."""
    query = (
        "SELECT PATIENT_ID FROM PAT_MASTER_INDEX WHERE NAME = ? AND NEXT_OF_KIN = ? AND PHONE_NUMBER_HOME = ?"
    )
    found = {patient for (patient,) in raw.execute(query, (CANARY, CANARY, CANARY_PHONE))}
    assert len(found) == 1
    assert found <= {one["patient_id"] for one in demo.truth["planted"]}
    notes = [
        text
        for (patient,) in raw.execute("SELECT DISTINCT PATIENT_ID FROM PAT_MASTER_INDEX")
        for _, _, *texts in raw.execute(NOTES, {"p": patient})
        for text in texts
        if text and CANARY in text and CANARY_PHONE in text
    ]
    assert len(notes) == 1
