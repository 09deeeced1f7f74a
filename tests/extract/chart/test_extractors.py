"""Values in notes: numbers, durations and choices, each with offsets into the original text."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.chart.assertion import Reading
from extract.chart.durations import DAYS_PER_MONTH, durations
from extract.chart.extractors import extract
from extract.chart.plain import plain
from extract.study.protocol import Extractor, Value

SCORE = Extractor(
    kind="number",
    labels=("VAS评分", "VAS", "疼痛评分", "NRS"),
    units=("分", "cm"),
    range=(Decimal(0), Decimal(10)),
)
COURSE = Extractor(
    kind="duration",
    labels=("病程", "反复", "间断", "持续", "伴活动受限", "疼痛", "痛"),
    sections=("主诉", "现病史", "病程"),
)
SITE = Extractor(kind="choice", sections=("主诉", "现病史", "专科检查"))
SITES = (
    Value(code=1, zh="颈", en="neck", from_=["颈痛", "颈肩痛"]),
    Value(code=2, zh="肩", en="shoulder", from_=["肩痛", "颈肩痛"]),
    Value(code=3, zh="腰", en="low back", from_=["腰痛", "腰腿痛"]),
    Value(code=4, zh="腿", en="leg", from_=["腰腿痛", "腿痛"]),
)


def numbers(text, extractor=SCORE):
    return [
        (str(e.low), str(e.high), e.role) if e.role else (str(e.low), str(e.high))
        for e in extract(Reading(text), extractor)
        if e.assertion.status == "present"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("VAS评分6分", [("6", "6")]),
        ("VAS：7/10", [("7", "7")]),
        ("VAS:7/10分", [("7", "7")]),
        ("ＶＡＳ评分６．５分", [("6.5", "6.5")]),
        ("VAS评分：5.8分。", [("5.8", "5.8")]),
        ("VAS 5.8", [("5.8", "5.8")]),
        ("VAS 评分 为 4 分", [("4", "4")]),
        ("VAS评分约6分", [("6", "6")]),
        ("VAS六分", [("6", "6")]),
        ("VAS评分六点五分", [("6.5", "6.5")]),
        ("VAS评分十分", [("10", "10")]),
        ("VAS评分6-7分", [("6", "7")]),
        ("VAS评分6～7分", [("6", "7")]),
        ("VAS评分6分至7分", [("6", "7")]),
        ("VAS评分六到七分", [("6", "7")]),
        ("VAS(0-10分)：6分", [("6", "6")]),
        ("VAS（0～10cm）6.2cm", [("6.2", "6.2")]),
        ("疼痛评分由7分降至3分", [("7", "7", "first"), ("3", "3", "last")]),
        ("疼痛评分从7分下降到3分", [("7", "7", "first"), ("3", "3", "last")]),
        ("VAS 7→3", [("7", "7", "first"), ("3", "3", "last")]),
        ("VAS评分由治疗前7.1分降至治疗后3.2分", [("7.1", "7.1", "first"), ("3.2", "3.2", "last")]),
        ("VAS评分由入院时7分明显降至3分", [("7", "7", "first"), ("3", "3", "last")]),
        ("治疗前VAS评分7分，治疗后VAS评分3分", [("7", "7", "first"), ("3", "3", "last")]),
        ("VAS评分：治疗前7分，治疗后3分", [("7", "7", "first"), ("3", "3", "last")]),
        ("目前VAS评分3分", [("3", "3", "last")]),
        ("VAS decreased from 7 to 3", []),
        ("VAS score 6", [("6", "6")]),
        ("疼痛6分（VAS）", [("6", "6")]),
        ("VAS评分72分", []),
        ("VAS评分：未评，BMI 8.2", []),
        ("CANVAS 6", []),
        ("VAS评分6月复查", []),
        ("若VAS评分7分以上随诊", []),
        ("NRS 3分，VAS 4分", [("3", "3"), ("4", "4")]),
        ("VAS评分0分", [("0", "0")]),
    ],
)
def test_a_number_is_read_in_every_common_spelling(text, expected):
    """...and only where it is asserted present and within the range."""
    assert numbers(text) == expected


@pytest.mark.parametrize(
    ("text", "months"),
    [
        ("主诉：颈痛3月余。", "3"),
        ("主诉：腰痛半年", "6"),
        ("主诉：腰痛1年加重1周", "12"),
        ("主诉：腰痛1年，加重1周", "12"),
        ("主诉：反复腰痛20.5个月", "20.5"),
        ("主诉：腰腿痛2年3月", "27"),
        ("主诉：腰痛2年零3个月", "27"),
        ("主诉：腰痛3+年", "36"),
        ("主诉：腰痛3年+", "36"),
        ("主诉：腰痛1年半", "18"),
        ("主诉：腰痛8个半月", "8.5"),
        ("主诉：腰痛十余年", "120"),
        ("主诉：腰痛两年余", "24"),
        ("主诉：腰痛１０年", "120"),
        ("主诉：腰痛伴活动受限6月", "6"),
        ("主诉：腰痛伴左下肢放射痛5.3月余", "5.3"),
        ("主诉：腰痛半年余，加重3天", "6"),
        ("病程：20.5个月。", "20.5"),
        ("现病史：患者3年前无明显诱因出现腰痛，休息后缓解。", "36"),
        ("【主诉】间断颈痛 18 个月", "18"),
        ("颈痛4月", "4"),
        ("主诉：腰痛3-4年", "42"),
    ],
)
def test_the_course_is_the_first_length_of_time_in_months(text, months):
    found = [e for e in extract(Reading(text), COURSE) if e.assertion.status == "present"]
    assert found, text
    assert found[0].value == Decimal(months)


@pytest.mark.parametrize(
    "text",
    [
        "主诉：腰痛加重1周",
        "病程记录 2022年3月1日",
        "主诉：腰痛，2022年3月出现",
        "既往史：头痛病史10年",
        "主诉：腰痛数年",
        "主诉：腰痛30岁",
    ],
)
def test_a_relapse_a_date_and_a_vague_word_are_no_course(text):
    assert extract(Reading(text), COURSE) == []


def test_weeks_and_days_become_months_by_the_stated_factor():
    """A mean Gregorian month has 30.436875 days."""
    assert next(durations("2周")).months == 14 / DAYS_PER_MONTH
    assert next(durations("10天")).months == 10 / DAYS_PER_MONTH


@given(
    n=st.integers(1, 60),
    unit=st.sampled_from([("年", 12), ("个月", 1), ("月", 1)]),
    more=st.sampled_from(["", "余", "多", "+"]),
    wide=st.booleans(),
)
def test_a_written_duration_reads_back(n, unit, more, wide):
    """Whatever the width of the digits and whatever vague word follows."""
    digits = str(n).translate({ord(str(i)): chr(0xFF10 + i) for i in range(10)}) if wide else str(n)
    text = f"病程{digits}{unit[0]}{more}，一般情况可"
    (found,) = extract(Reading(text), COURSE)
    assert found.value == n * unit[1]


@given(
    value=st.decimals(0, 10, places=1),
    wide=st.booleans(),
    filler=st.sampled_from(["", "：", "为", "约", " "]),
)
def test_a_written_score_reads_back(value, wide, filler):
    digits = str(value)
    if wide:
        digits = digits.translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789."})
    (found,) = extract(Reading(f"腰痛，VAS评分{filler}{digits}分。"), SCORE)
    assert found.value == value


def test_a_choice_is_what_is_asserted_present():
    """A negated site is found and said to be negated; it is no value."""
    found = extract(Reading("主诉：颈肩痛2年。现病史：无腰痛，双下肢腿痛。既往史：腰痛"), SITE, SITES)
    assert {e.code for e in found if e.assertion.status == "present"} == {1, 2, 4}
    assert {e.code for e in found if e.assertion.status == "negated"} == {3}


@given(st.text(alphabet="VAS评分颈腰痛由治疗前后降至6７.5-~/年月余半加重，。：（）0分 \n主诉无", max_size=80))
def test_offsets_always_quote_the_text(text):
    """text[start:end] == raw, for every kind and any text."""
    reading = Reading(text)
    for extractor, values in ((SCORE, ()), (COURSE, ()), (SITE, SITES)):
        for found in extract(reading, extractor, values):
            assert text[found.start : found.end] == found.raw
            assert found.raw == found.raw.rstrip()
            assert found.low <= found.high


@given(st.text(max_size=100))
def test_plain_text_keeps_every_offset(text):
    assert len(plain(text)) == len(text)
    assert plain(plain(text)) == plain(text)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("piece", ["VAS评分约为", "主诉：痛", "一", "12", "（VAS）", "无", "痛3"])
def test_a_hostile_text_costs_no_more_than_its_length(piece):
    """60,000 characters of any repetition are read in seconds: no pattern backtracks without bound."""
    text = piece * (60_000 // len(piece))
    reading = Reading(text)
    for extractor, values in ((SCORE, ()), (COURSE, ()), (SITE, SITES)):
        extract(reading, extractor, values)
    assert reading.assess(len(text) - 1, len(text)).status
