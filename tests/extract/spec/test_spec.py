"""Small hospitals, an expression, an answer: the same on every engine. A NULL stands in each."""

from __future__ import annotations

SPINE = """
    patient | visit | began      | field    | text
    p1      | 1     | 2022-03-01 | document | neck pain for 3 months
    p1      | 1     | 2022-03-01 | lab      | ESR
    p2      | 1     | 2022-04-01 | document | neck pain
    p2      | 1     | 2022-04-01 | lab      | -
    p3      | 1     | 2022-05-01 | lab      | ESR
    p3      | 1     | -          | document | -
    p4      | 1     | -          | document | neck pain ESR
"""


def test_terms_join_over_the_records_of_a_visit(spec):
    """Two records of one visit satisfy an AND; a visit without a date is never asked."""
    spec(SPINE, '"neck pain" AND ESR', "p1|1")
    spec(SPINE, '"neck pain" OR ESR', "p1|1 p2|1")


def test_not_looks_at_the_whole_visit(spec):
    spec(SPINE, '"neck pain" AND NOT ESR', "p2|1")


def test_both_ends_of_the_window_belong_to_it(spec):
    records = """
        patient | visit | began               | field    | text
        p1      | 1     | 2021-12-31 23:59:59 | document | pain
        p1      | 2     | 2022-01-01 00:00:00 | document | pain
        p1      | 3     | 2022-12-31 23:59:59 | document | pain
        p1      | 4     | 2023-01-01 00:00:00 | document | pain
        p1      | 5     | -                   | document | pain
    """
    spec(records, "pain", "p1|2 p1|3")


def test_a_record_without_a_visit_counts_for_every_visit_of_its_patient(spec):
    """...and so does one of a visit that nobody knows; one without a patient counts for nobody."""
    records = """
        patient | visit | began      | field    | text
        p1      | 1     | 2022-03-01 | document | pain
        p1      | 2     | 2022-04-01 | document | pain
        p1      | -     | ?          | lab      | ESR
        p2      | 1     | 2022-03-01 | document | pain
        p2      | 9     | ?          | lab      | ESR
        p3      | 1     | 2022-03-01 | document | pain
        -       | -     | ?          | lab      | ESR
    """
    spec(records, "pain AND ESR", "p1|1 p1|2 p2|1")


def test_a_record_never_enters_a_visit_of_somebody_else(spec):
    """...whoever's visit it names: it counts for its own patient's; a merged patient's visit is one's own."""
    records = """
        patient | visit | began      | field    | text
        p1      | 1     | 2022-03-01 | document | pain
        p2      | 1     | 2022-03-01 | document | pain
        p2      | p1/1  | ?          | lab      | ESR
        p3      | p1/1  | ?          | lab      | ESR
        p4>p5   | 1     | 2022-03-01 | document | pain
        p5      | 1     | 2022-04-01 | document | pain
        p5      | p4/1  | ?          | lab      | ESR
    """
    spec(records, "pain AND ESR", "p2|1 p4|1")


def test_a_merged_patient_is_one_person(spec):
    """...over a chain of two, and in both directions."""
    records = """
        patient | visit | began      | field    | text
        a>b     | 1     | 2022-03-01 | document | pain
        b>c     | -     | -          | -        | -
        c       | -     | ?          | lab      | ESR
        d       | 1     | 2022-03-01 | document | pain
        e>d     | -     | ?          | lab      | ESR
        f       | 1     | 2022-03-01 | document | pain
    """
    spec(records, "pain AND ESR", "a|1 d|1")


def test_a_record_with_a_visit_counts_for_that_visit_alone(spec):
    records = """
        patient | visit | began      | field    | text
        p1      | 1     | 2022-03-01 | document | pain
        p1      | 2     | 2022-04-01 | lab      | ESR
        p1      | 2     | 2022-04-01 | lab      | -
    """
    spec(records, "pain AND ESR", "")


def test_scopes_narrow_a_term(spec):
    records = """
        patient | visit | began      | field      | text
        p1      | 1     | 2022-03-01 | document   | ESR was high
        p2      | 1     | 2022-03-01 | lab        | ESR
        p3      | 1     | 2022-03-01 | medication | ESR
        p4      | 1     | 2022-03-01 | imaging    | -
    """
    spec(records.replace("field     ", "field"), "lab:ESR", "p2|1")
    spec(records, "ESR", "p1|1 p2|1")
    spec(records, "medication:ESR OR document:ESR", "p1|1 p3|1")


def test_a_term_is_literal_whatever_like_makes_of_its_letters(spec):
    """Percent, underscore, escape mark, bracket, backslash, quote and colon are characters."""
    records = r"""
        patient | visit | began      | field    | text
        p1      | 1     | 2022-03-01 | document | 10% of it
        p2      | 1     | 2022-03-01 | document | 100 of it
        p3      | 1     | 2022-03-01 | document | a\b
        p4      | 1     | 2022-03-01 | document | a!b [x]
        p5      | 1     | 2022-03-01 | document | a_b
        p6      | 1     | 2022-03-01 | document | it's :that
        p7      | 1     | 2022-03-01 | document | -
    """
    spec(records, '"10%"', "p1|1")
    spec(records, r'"a\b"', "p3|1")
    spec(records, '"a!b"', "p4|1")
    spec(records, '"[x]"', "p4|1")
    spec(records, '"a_b"', "p5|1")
    spec(records, '"it\'s :that"', "p6|1")


def test_case_width_and_accents_count_in_a_literal_search(spec):
    """An engine's collation may find more; the answer is the same."""
    records = """
        patient | visit | began      | field    | text
        p1      | 1     | 2022-03-01 | document | esr
        p2      | 1     | 2022-03-01 | document | ESR
        p3      | 1     | 2022-03-01 | document | ＥＳＲ
        p4      | 1     | 2022-03-01 | document | ÉSR
        p5      | 1     | 2022-03-01 | document | -
    """
    spec(records, "ESR", "p2|1")
    spec(records, "ESR", "p1|1 p2|1 p3|1", match="folded")


def test_chinese_and_characters_beyond_the_first_plane(spec):
    records = """
        patient | visit | began      | field     | text
        p1      | 1     | 2022-03-01 | document  | 颈痛3月余，查血沉😀
        p2      | 1     | 2022-03-01 | diagnosis | 頸痛
        p3      | 1     | 2022-03-01 | document  | 𠮷野痛😀%
        p4      | 1     | 2022-03-01 | document  | -
    """
    spec(records, "颈痛", "p1|1")
    spec(records, "颈痛", "p1|1 p2|1", match="folded")
    spec(records, '"😀%"', "p3|1")
    spec(records, "𠮷野痛", "p3|1")


def test_a_long_text_is_neither_cut_nor_missed(spec):
    """A term that begins at character 99,998 of a note, where drivers have cut."""
    records = f"""
        patient | visit | began      | field    | text
        p1      | 1     | 2022-03-01 | document | {"痛" * 99_997}end of note
        p2      | 1     | 2022-03-01 | document | -
    """
    spec(records, '"end of note"', "p1|1")


def test_an_empty_hospital_has_no_candidates(spec):
    spec("patient | visit | began | field | text", "pain", "")
