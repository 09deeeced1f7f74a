"""The desk on a small real study: the whole road by its pages, and blind."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.study.audit import verify_chain
from validate.desk.drafts import Drafts
from validate.desk.file import DeskFile
from validate.desk.marks import Mark, parts, pieces, sentences
from validate.desk.words import LANGUAGES, WORDS, language
from validate.entry.standing import standings
from validate.review.cases import opinions
from validate.review.rules import Phase

PAGES = ("judge", "arbitrate", "enter", "resolve")


def test_the_whole_road_by_its_pages(desk):
    """Two judge, a third settles, two type, a third settles; and everything stands in the audit."""
    number = desk.numbers[0]
    assert f"/judge/{number}" in desk["ann"].get("/").text
    onward = desk.judge("ann", number)
    assert onward.headers["location"].startswith("/judge/"), "the next candidate comes by itself"
    criterion = desk.db.protocol.exclude[0].id
    desk.judge("bob", number, **{criterion: "met"})
    assert desk.case(number).phase is Phase.ARBITRATION
    assert f"/arbitrate/{number}" in desk["cat"].get("/").text
    page = desk["cat"].get(f"/arbitrate/{number}").text
    assert "Ann" not in page
    assert "Bob" not in page
    ruling = {"request": "r1", "criterion": criterion, "verdict": "not_met", "reason": "an old one"}
    assert desk["cat"].post(f"/arbitrate/{number}", data=ruling).status_code == 303
    assert desk.case(number).phase is Phase.COMPLETE
    held = desk.case(number).candidate
    with desk.db.reading() as connection:
        fields = [f.field for f in standings(connection, desk.db.protocol, [held])[held.patient_id].values()]
    for name, value in (("dan", "5"), ("eve", "6")):
        typed = {f"raw-{f.name}": value if f.kind == "number" else str(f.codes[0][0]) for f in fields}
        assert f"/enter/{number}" in desk[name].get("/").text
        sent = desk[name].post(f"/enter/{number}", data={"request": f"t{name}", **typed})
        assert sent.status_code == 303
    numeric = [f for f in fields if f.kind == "number"]
    page = desk["may"].get(f"/resolve/{number}").text
    assert all(f'value="{f.name}"' in page for f in numeric)
    for field in numeric:
        settled = {"request": f"s{field.name}", "field": field.name, "choice": "second", "reason": "note"}
        assert desk["may"].post(f"/resolve/{number}", data=settled).status_code == 303
    with desk.db.reading() as connection:
        standing = standings(connection, desk.db.protocol, [held])[held.patient_id]
        assert all(one.final is not None for one in standing.values())
        assert verify_chain(connection) == []
    actions = {event["action"] for event in desk.db.audit()}
    assert {"session.opened", "chart.opened", "decision.given", "arbitration.given", "entry.made"} <= actions


def test_a_judgement_is_a_draft_until_it_is_handed_in(desk):
    """...kept at once with its quotes, which must equal the record's own characters; then an opinion, once."""
    held = desk.case(desk.numbers[0]).candidate
    criterion = held.reviewed[0]
    texts = desk.room.charts.of(held.patient_id).texts()
    record, text = next((r, t) for r, t in texts.items() if len(t) > 20)
    quote = {"record_id": record, "start": 5, "end": 9, "text": text[5:9]}
    address = f"/judge/{held.id}/{criterion}"
    sent = {"verdict": "met", "reason": "seen", "quotes": json.dumps([quote])}
    as_json = {"accept": "application/json"}
    for _ in range(2):
        kept = desk["ann"].post(address, data=sent, headers=as_json).json()
        assert kept == {"kept": criterion, "verdict": "met"}
    with desk.db.reading() as connection:
        assert opinions(connection) == [], "nobody's opinion yet"
    page = desk["ann"].get(f"/judge/{held.id}").text
    assert re.search(rf'name="verdict-{criterion}" value="met" checked', page)
    assert f">{text[5:9]}</li>" in page
    assert "not handed in" in desk["ann"].get("/").text
    for wrong in ({**quote, "text": "????"}, {**quote, "record_id": "document:another"}, "no quote"):
        bad = sent | {"quotes": json.dumps([wrong])}
        refused = desk["ann"].post(address, data=bad, headers=as_json)
        assert refused.status_code == 403
        assert "quote" in refused.json()["problem"]
    form = {"request": "h", f"verdict-{criterion}": "met", f"reason-{criterion}": "seen"}
    for _ in range(2):
        desk["ann"].post(f"/judge/{held.id}", data=form)
    with desk.db.reading() as connection:
        (given_,) = opinions(connection)
    assert given_.quotes[0].text == text[5:9]
    assert desk.room.drafts.candidates("ann") == frozenset()


def test_either_reviewer_can_undo_until_handing_in_and_the_second_too(desk):
    """...and once both have handed in, an opinion stays; the refused draft is gone."""
    number = desk.numbers[0]
    held = desk.case(number).candidate
    criterion = held.reviewed[0]
    address, as_json = f"/judge/{number}/{criterion}", {"accept": "application/json"}
    desk.judge("ann", number)
    for verdict in ("not_met", "cannot_tell", ""):
        answer = desk["bob"].post(address, data={"verdict": verdict}, headers=as_json)
        assert answer.json()["verdict"] == verdict, "ann has handed in, and bob may still change his mind"
    assert f'value="{"met"}" checked' not in desk["bob"].get(f"/judge/{number}").text
    desk.judge("bob", number)
    before = desk.case(number).standing[criterion].of(held.place_of("bob")).verdict
    assert desk["bob"].post(address, data={"verdict": "cannot_tell"}, headers=as_json).status_code == 200
    late = desk["bob"].post(
        f"/judge/{number}", data={"request": "late", f"verdict-{criterion}": "cannot_tell"}, headers=as_json
    )
    assert late.status_code == 403
    assert "both reviewers have committed" in late.json()["problem"]
    assert desk.case(number).standing[criterion].of(held.place_of("bob")).verdict == before
    assert desk.room.drafts.candidates("bob") == frozenset()


def test_a_draft_outlives_the_server_and_falls_when_its_evidence_changes(desk, tmp_path):
    held = desk.case(desk.numbers[0]).candidate
    first, second = held.reviewed[:2]
    file = DeskFile(tmp_path / "desk.db")
    for criterion in (first, second):
        Drafts(file).keep("ann", held, criterion, "met", "why", ())
    file.close()
    drafts = Drafts(DeskFile(tmp_path / "desk.db"))
    assert set(drafts.of("ann", held)) == {first, second}
    assert drafts.of("bob", held) == {}
    changed = replace(held, criterion_hashes={**held.criterion_hashes, first: "other"})
    assert set(drafts.of("ann", changed)) == {second}


def test_what_the_form_refuses_is_shown_again_as_it_was_typed(desk):
    number = desk.numbers[0]
    for name in ("ann", "bob"):
        desk.judge(name, number)
    with desk.db.reading() as connection:
        held = desk.case(number).candidate
        fields = [f.field for f in standings(connection, desk.db.protocol, [held])[held.patient_id].values()]
    first, second = [f.name for f in fields if f.kind == "number"][:2]
    sent = {"request": "t", f"raw-{first}": "4", f"raw-{second}": "ninety-nine"}
    page = desk["dan"].post(f"/enter/{number}", data=sent)
    assert page.status_code == 409
    assert f'name="raw-{second}" maxlength="200"' in page.text
    assert 'value="ninety-nine"' in page.text
    assert 'value="4"' in page.text


def test_a_query_is_answered_by_the_data_manager_and_closed_by_who_asked(desk):
    """...and another reviewer of the same candidate never sees it."""
    number = desk.numbers[0]
    criterion = desk.case(number).candidate.reviewed[0]
    desk["ann"].post(f"/ask/{number}", data={"request": "q1", "field": criterion, "text": "which visit?"})
    assert "which visit?" in desk["may"].get("/").text
    assert "which visit?" not in desk["bob"].get("/").text + desk["bob"].get(f"/judge/{number}").text
    thread = re.search(r'action="/answer/([^"]+)"', desk["may"].get("/").text)[1]
    assert desk["bob"].post(f"/answer/{thread}", data={"request": "q2", "text": "x"}).status_code == 403
    desk["may"].post(f"/answer/{thread}", data={"request": "q3", "text": "the first"})
    assert "the first" in desk["ann"].get(f"/judge/{number}").text
    desk["ann"].post(f"/answer/{thread}", data={"request": "q4", "text": "thanks", "close": "yes"})
    assert "which visit?" not in desk["may"].get("/").text


def test_the_auditor_reads_the_trail_by_person_and_kind(desk):
    desk["ann"].get(f"/judge/{desk.numbers[0]}")
    rows = desk["aud"].get("/audit?actor=ann&action=chart.opened").text.split("<tbody>")[1]
    assert rows.count("chart.opened") == 1
    assert f"candidate/{desk.numbers[0]}" in rows
    assert desk["ann"].get("/audit").status_code == 403
    first = desk["aud"].get("/audit").text
    older = re.search(r'href="(/audit[?][^"]+)"', first)[1].replace("&amp;", "&")
    assert desk["aud"].get(older).text.split("<tbody>")[1] != first.split("<tbody>")[1]


def test_agreement_and_what_is_owed_are_the_data_manager_s(desk):
    for name in ("ann", "bob"):
        desk.judge(name, desk.numbers[0])
    assert "1.000" in desk["may"].get("/agreement").text
    owed = desk["may"].get("/owed").text
    assert "opinion" in owed
    for name in ("ann", "cat", "dan", "ana"):
        assert desk[name].get("/owed").status_code == desk[name].get("/agreement").status_code == 403


def test_a_form_sent_twice_is_kept_once(desk):
    for _ in range(2):
        assert desk.judge("ann", desk.numbers[0]).status_code == 303
    with desk.db.reading() as connection:
        given_ = opinions(connection)
    assert len(given_) == len({(o.patient_id, o.criterion) for o in given_})


def test_every_word_of_the_pages_exists_in_both_languages():
    used = set()
    for template in Path(WORDS_HOME / "templates").glob("*.html"):
        used |= set(re.findall(r"\bt\('([a-z_]+)'", template.read_text("utf-8")))
    assert used <= set(WORDS)
    assert all(len(both) == len(LANGUAGES) and all(both) for both in WORDS.values())


WORDS_HOME = Path(__file__).parents[3] / "validate/desk"


@pytest.mark.parametrize(
    ("cookie", "accepted", "spoken"),
    [(None, "en-GB,zh;q=0.5", "en"), (None, "fr,zh-CN", "zh"), ("en", "zh", "en"), ("xx", "", "zh")],
)
def test_the_language_is_the_person_s_or_the_browser_s(cookie, accepted, spoken):
    assert language(cookie, accepted) == spoken


def test_the_pages_speak_chinese(desk):
    browser = desk["ann"]
    browser.post("/language/zh")
    assert "我的任务" in browser.get("/").text


@given(
    st.text(max_size=30),
    st.lists(st.tuples(st.integers(-3, 35), st.integers(-3, 35), st.sampled_from(["present", "negated"]))),
)
def test_the_pieces_of_a_note_are_the_note(text, places):
    """Whatever is marked, overlapping or out of range, no character is lost, added or moved."""
    marks = [Mark(start, end, "keyword", assertion, "I1") for start, end, assertion in places]
    cut = pieces(text, marks)
    assert "".join(piece.text for piece in cut) == text
    covered = sum(len(piece.text) for piece in cut if piece.marks)
    inside = [m for m in marks if 0 <= m.start < m.end <= len(text)]
    assert covered == len({i for m in inside for i in range(m.start, m.end)})
    for piece in cut:
        assert ("not" in piece.css.split()) == (
            bool(piece.marks) and all(m.assertion == "negated" for m in piece.marks)
        )


@given(st.text(alphabet="主诉【】:。\r\n a1既往史", max_size=60), st.integers(0, 50), st.integers(1, 20))
def test_a_note_by_sections_is_the_note(text, start, length):
    """Heads and pieces joined are the text, and what was marked is marked, over the end of a section too."""
    end = min(start + length, len(text))
    marks = [Mark(start, end, "keyword", "present", "I1")]
    cut = parts(text, marks)
    assert "".join(part.head + "".join(piece.text for piece in part.pieces) for part in cut) == text
    shown = sum(len(piece.text) for part in cut for piece in part.pieces if piece.marks)
    heads = sum(len(part.head) for part in cut)
    assert max(0, end - start) - heads <= shown <= max(0, end - start)


@given(st.text(alphabet="痛。！？；;\r\n a1é𠀀", max_size=60), st.integers(0, 50), st.integers(1, 20))
def test_a_note_by_sentences_is_the_note(text, start, length):
    """Each begins where it says, all joined are the text, and what was marked is marked."""
    end = min(start + length, len(text))
    cut = sentences(text, [Mark(start, end, "keyword", "present", "I1")])
    assert "".join(piece.text for _, some in cut for piece in some) == text
    for begin, some in cut:
        whole = "".join(piece.text for piece in some)
        assert text[begin : begin + len(whole)] == whole
    marked = sum(len(piece.text) for _, some in cut for piece in some if piece.marks)
    assert marked == max(0, end - start)


def test_the_chart_is_read_one_sentence_at_a_time_in_the_order_of_time(desk):
    """Every character of every note, oldest first, each sentence with its place for a quote."""
    number = desk.numbers[0]
    chart = desk.room.charts.of(desk.case(number).candidate.patient_id)
    told = chart.sentences
    assert [one.at for one in told] == sorted(one.at for one in told)
    texts = chart.texts()
    for one in told:
        said = "".join(piece.text for piece in one.pieces)
        assert texts[one.record_id][one.start : one.start + len(said)] == said
    said = "".join(piece.text for one in told for piece in one.pieces)
    assert sorted("".join(said.split())) == sorted("".join("".join(texts.values()).split()))
    page = desk["ann"].get(f"/judge/{number}?sentences=1").text
    assert page.count('data-start="') == len(told)
    assert 'id="sentences"' not in desk["ann"].get(f"/judge/{number}").text
