"""Assembly: exact arithmetic in whole steps, the direction the protocol names, nobody dropped."""

import hmac
import importlib.util
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.study.protocol import parse
from validate.lock.assemble import LINEAGE, Cell, assemble_cells, assemble_table, cell_table
from validate.lock.blocks import used
from validate.lock.canonical import hash_table
from validate.lock.keys import PseudonymKey
from validate.lock.pseudonyms import RECORDS, Pseudonyms, read_linking, write_linking
from validate.lock.rows import Rows


def one(protocol, **values):
    """The wide row of one participant; ``height_t0="6.5"`` sets a cell, ``"<0.5"`` with its comparator."""
    found = []
    for name, text in values.items():
        variable, _, timepoint = name.partition("_t")
        comparator = text[0] if text[0] in "<>" else ""
        point = f"T{timepoint}" if timepoint else ""
        found.append(Cell("x", variable, point, text.lstrip("<>"), comparator, method="m"))
    draft = assemble_cells(protocol, ["x"], found, Pseudonyms.assign(PseudonymKey(b"k" * 32), ["x"]))
    return draft.wide.to_pylist()[0]


def test_the_wide_table_is_typed_as_the_protocol_says(draft):
    assert draft.wide.schema.equals(
        pa.schema(
            [
                ("participant", pa.string()),
                ("age", pa.int64()),
                ("kind", pa.int64()),
                ("spots", pa.string()),
                ("height_t0", pa.decimal128(18, 1)),
                ("height_t1", pa.decimal128(18, 1)),
                ("sap_t0", pa.decimal128(18, 1)),
                ("sap_t1", pa.decimal128(18, 1)),
                ("height_delta", pa.decimal128(18, 1)),
                ("height_relief", pa.decimal128(18, 6)),
                ("sap_delta", pa.decimal128(18, 1)),
                ("responder", pa.int64()),
            ]
        )
    )
    assert draft.wide.column("participant").to_pylist() == [f"P{n:03d}" for n in range(1, 13)]
    assert draft.long.num_rows == 12 * 7


tenths = st.integers(0, 100)


@given(tenths, tenths)
def test_delta_relief_and_responder_are_exact(protocol, before, after):
    """Against fractions: no float decides whether a drop reaches a threshold."""
    row = one(protocol, height_t0=f"{Decimal(before) / 10}", height_t1=f"{Decimal(after) / 10}")
    first, last = Fraction(before, 10), Fraction(after, 10)
    assert row["height_delta"] == Decimal(after - before) / 10
    if before:
        assert abs(Fraction(row["height_relief"]) - (first - last) / first) <= Fraction(1, 2_000_000)
    else:
        assert row["height_relief"] is None
    reached = first - last >= 3 or (first > 0 and (first - last) / first >= Fraction(1, 2))
    assert row["responder"] == int(reached)


def test_the_protocol_names_the_direction_of_delta(study_text):
    text = study_text.replace("[outcome]\n", '[outcome]\ndelta = "T0 - T1"\nrelief = "(T1 - T0) / T0"\n')
    row = one(parse(text), height_t0="6", height_t1="2")
    assert (row["height_delta"], row["height_relief"]) == (Decimal("4.0"), Decimal("-0.666667"))
    # Who responds is a matter of the drop, whatever is printed.
    assert row["responder"] == 1


@pytest.mark.parametrize(
    ("rule", "text", "counted"),
    [
        ("half", "<0.5", "0.2"),  # 0.25 is not recorded at this step; ties go to even
        ("half", "<0.7", "0.4"),
        ("half", "<0.8", "0.4"),
        ("limit", "<0.5", "0.5"),
        ("zero", "<0.5", "0.0"),
        ("missing", "<0.5", None),
        ("half", ">500", "500.0"),
        ("half", "0.5", "0.5"),
    ],
)
def test_a_value_below_the_limit_counts_as_the_protocol_says_and_is_kept_as_it_was(
    study_text, rule, text, counted
):
    protocol = parse(study_text.replace('below_limit = "half"', f'below_limit = "{rule}"'))
    cell = Cell("x", "sap", "T0", text.lstrip("<>"), text[0] if text[0] in "<>" else "", method="m")
    draft = assemble_cells(protocol, ["x"], [cell], Pseudonyms.assign(PseudonymKey(b"k" * 32), ["x"]))
    assert draft.wide.to_pylist()[0]["sap_t0"] == (None if counted is None else Decimal(counted))
    kept = next(r for r in draft.long.to_pylist() if (r["variable"], r["timepoint"]) == ("sap", "T0"))
    assert kept["value"] == str(Decimal(text.lstrip("<>")).quantize(Decimal("0.1")))
    assert kept["comparator"] == (text[0] if text[0] in "<>" else None)


def test_half_of_an_odd_limit_goes_to_the_even_step(protocol):
    sap = protocol.variable_named("sap")
    assert [used(sap, steps, "<") for steps in (1, 3, 5, 7)] == [0, 2, 2, 4]


def test_codes_of_many_are_sorted_as_numbers_and_said_once(protocol):
    assert one(protocol, spots="10;2;2;1")["spots"] == "1;2;10"


def test_a_participant_without_a_value_stays_with_a_missing_row(protocol):
    draft = assemble_cells(protocol, ["x"], [], Pseudonyms.assign(PseudonymKey(b"k" * 32), ["x"]))
    assert draft.wide.num_rows == 1
    missing = {(r["variable"], r["timepoint"]): r["missing"] for r in draft.long.to_pylist()}
    assert missing["height", "T0"] == "not_entered"
    assert missing["age", ""] == "not_documented"
    assert draft.wide.to_pylist()[0]["responder"] is None
    assert draft.lineage.num_rows == 0


def test_a_value_finer_than_its_step_is_not_rounded_in_silence(protocol):
    row = one(protocol, height_t0="6.25", height_t1="2.0")
    assert row["height_t0"] is None


def test_every_filled_cell_has_its_lineage_and_no_record_is_named(draft, canary):
    filled = sum(
        value is not None
        for name in draft.wide.column_names
        if name != "participant"
        for value in draft.wide.column(name).to_pylist()
    )
    assert draft.lineage.num_rows == filled
    assert canary not in str(draft.lineage.to_pydict())
    assert {r["method"] for r in draft.lineage.to_pylist() if r["record"] is None} == {"derived"}


@given(st.sets(st.text(min_size=1, max_size=5), min_size=2, max_size=30), st.data())
def test_a_pseudonym_once_given_stays_and_none_is_given_twice(patients, data):
    key = PseudonymKey(b"k" * 32)
    earlier = data.draw(st.sets(st.sampled_from(sorted(patients))))
    first = Pseudonyms.assign(key, earlier)
    second = Pseudonyms.assign(key, patients, first.participants)
    assert first.participants.items() <= second.participants.items()
    assert sorted(second.participants.values()) == sorted({f"P{n:03d}" for n in range(1, len(patients) + 1)})
    assert Pseudonyms.assign(key, patients) == Pseudonyms.assign(key, sorted(patients, reverse=True))


def test_another_key_gives_another_order(patients):
    orders = {
        tuple(Pseudonyms.assign(PseudonymKey(bytes([n]) * 32), patients).participants) for n in range(4)
    }
    assert len(orders) > 1


def test_the_linking_tables_stand_in_the_landing_zone_for_the_owner_only(folder, pseudonyms, draft):
    write_linking(folder, pseudonyms, draft.records)
    assert read_linking(folder) == dict(pseudonyms.participants)
    for name in ("linking.parquet", "linking_records.parquet"):
        assert (folder.landing / name).stat().st_mode & 0o777 == 0o600


def test_records_and_versions_are_named_by_keyed_hashes(pseudonyms):
    """HMAC with SHA-256 as the standard library has it: the names in earlier snapshots stay."""

    def keyed(kind, text):
        return hmac.digest(pseudonyms.key.secret, f"{kind}\0{text}".encode(), "sha256").hex()

    records = ["lab:1|2", "lab:1|3", "document:\u75bc|" + "9" * 200]
    assert list(pseudonyms.records(records)) == [
        f"{one.partition(':')[0]}:{keyed('record', one)[:24]}" for one in records
    ]
    assert list(pseudonyms.versions(["v1", ""])) == [keyed("version", one)[:32] for one in ("v1", "")]
    other = replace(pseudonyms, key=PseudonymKey(b"other" * 7))
    assert set(other.records(records)).isdisjoint(pseudonyms.records(records))
    assert pseudonyms.subject("nobody") == f"S-{keyed('patient', 'nobody')[:16]}"


@pytest.fixture(scope="module")
def by_rows():
    """The rules as they read (beside this file)."""
    spec = importlib.util.spec_from_file_location("by_rows", Path(__file__).with_name("by_rows.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.by_rows


TEXTS = st.sampled_from(
    [
        "",
        "0",
        "6.5",
        "6.50",
        "-0",
        "-3.2",
        "1e1",
        "06.5",
        "6.25",
        "x",
        " 7 ",
        "NaN",
        "1_0",
        "９",
        "1e12",
        "10;2;2",
        "2",
    ]
)
CELLS = st.builds(
    Cell,
    st.sampled_from(["a", "b", "c", "d", "nobody"]),
    st.sampled_from(["age", "kind", "spots", "height", "sap", "no_such"]),
    st.sampled_from(["", "T0", "T1", "T9"]),
    st.none() | TEXTS | st.integers(-9, 99).map(lambda n: f"{n / 10}"),
    st.sampled_from(["", "", "<", ">", "<="]),
    st.none() | st.sampled_from(["", "not_done"]),
    st.sampled_from(["", "lab", "double_entry"]),
    st.none() | st.integers(-3, 40),
    st.none() | st.sampled_from(["lab:1", "lab:2", "document:1"]),
    st.none() | st.sampled_from(["v1", "v2"]),
    st.none() | st.integers(0, 9),
    st.none() | st.integers(0, 9),
)
RULES = st.sampled_from(
    [
        'any = [ { drop = "height", at_least = 3 }, { relief = "height", at_least = 0.5 } ]',
        'all = [ { drop = "height", at_least = 3 }, { relief = "sap", at_least = 0.3 } ]',
    ]
)


@given(
    st.lists(CELLS, max_size=60),
    RULES,
    st.sampled_from(["T1 - T0", "T0 - T1"]),
    st.sampled_from(["half", "zero", "missing", "limit"]),
    st.sampled_from([1, 2, 100]),
)
@settings(max_examples=150, deadline=None)
def test_columns_say_what_the_rules_say_row_by_row(study_text, by_rows, cells, rule, delta, below, size):
    """...whatever was recorded, in one block of participants or in several on disk."""
    head, _, tail = study_text.partition("[outcome]\n")
    text = f'{head}[outcome]\ndelta = "{delta}"\nresponder = {{ {rule} }}\n[lock]' + tail.split("[lock]")[1]
    protocol = parse(text.replace('below_limit = "half"', f'below_limit = "{below}"'))
    people = ["a", "b", "c", "d"]
    pseudonyms = Pseudonyms.assign(PseudonymKey(b"k" * 32), people)
    wide, long, lineage, records = by_rows(protocol, people, cells, pseudonyms)
    table = cell_table(cells)

    def of(some):
        return table.filter(pc.is_in(table["patient_id"], value_set=pa.array(some, pa.string())))

    draft = assemble_table(protocol, people, of, pseudonyms, size=size)
    assert rows_of(draft.wide) == wide
    assert rows_of(draft.long) == long
    nothing = dict.fromkeys(LINEAGE.names)
    assert rows_of(draft.lineage) == [nothing | row for row in lineage]
    found = {(row["record_id"], row["record_version"] or "") for row in rows_of(draft.records)}
    assert sorted(found) == records
    assert hash_table(draft.wide) == hash_table(assemble_cells(protocol, people, cells, pseudonyms).wide)


def rows_of(table):
    return (table.table() if isinstance(table, Rows) else table).to_pylist()


@pytest.mark.parametrize("together", [3_000_000, 40, 1])
def test_the_linking_table_keeps_every_record_once_in_order(folder, pseudonyms, together):
    """Earlier records stay, those of now are added, and none twice, wherever the pieces of a sort end."""
    pairs = [(f"lab:{n % 40:02d}", f"v{n % 3}") for n in range(300)]
    made = pa.table(
        {
            "record": list(pseudonyms.records([record for record, _ in pairs])),
            "record_id": [record for record, _ in pairs],
            "version": list(pseudonyms.versions([version for _, version in pairs])),
            "record_version": [version for _, version in pairs],
        },
        schema=RECORDS,
    )
    for part in (made.slice(0, 10), made.slice(5, 200), made.slice(200), RECORDS.empty_table()):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("validate.lock.rows.PIECE", 7)
            patch.setattr("validate.lock.pseudonyms.SORTED_TOGETHER", together)
            write_linking(folder, pseudonyms, part)
    found = pq.read_table(folder.landing / "linking_records.parquet")
    assert found.schema.equals(RECORDS)
    kept = list(zip(*found.select(["record_id", "record_version"]).to_pydict().values(), strict=True))
    # Sorted in parts, they are in order within each.
    assert (kept if together > len(pairs) else sorted(kept)) == sorted(set(pairs))
    assert {(row["record_id"], row["record"]) for row in found.to_pylist()} == {
        *zip([r for r, _ in pairs], pseudonyms.records([r for r, _ in pairs]), strict=True)
    }
    assert {f.name for f in folder.landing.iterdir()} == {"linking.parquet", "linking_records.parquet"}
