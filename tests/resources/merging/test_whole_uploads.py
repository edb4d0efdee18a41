"""Whole uploads, however they are written, cut into files, repeated or ordered: the same rows make the same lake."""

import datetime as dt
import gzip
import io

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from openpyxl import Workbook

from failure_platform.domain.contracts import CONTRACTS
from failure_platform.domain.rows.refusals import UploadRefusedError
from failure_platform.resources.lake import views
from support.examples import examples
from support.merging_plant import HEADERS, Plant, csv, measured

few = examples(6, suppress_health_check=[HealthCheck.function_scoped_fixture])
KNRS = [f"2023-{week:02}{day}{number:04}" for week in (19, 20) for day in (1, 2) for number in (12, 13)]
MOMENTS = [str(dt.datetime(2023, 5, 8, 10) + dt.timedelta(hours=7 * step)) for step in range(12)]
ROWS = {
    "resultados": st.builds(
        lambda knr, name, value, when: [knr, name, "2", "10", "Nm", "0", value, when],
        st.sampled_from(KNRS),
        st.sampled_from(["012001", "SECTION_ZP8_00000001"]),
        st.sampled_from(["1.5", "-3", "", "0.004"]),
        st.sampled_from(MOMENTS),
    ),
    "falhas": st.builds(
        lambda knr, user, hall, what, when: [knr, "T-CROSS", "K2K2", "DHS", "HCEQS506", user, hall, what, "5", when],
        st.sampled_from(KNRS),
        st.sampled_from(["FHQWRAP", "ABC1234"]),
        st.sampled_from(["ROD", "ZP7", ""]),
        st.sampled_from(["RUÍDO", "RISCO; PORTA", 'PAINEL "A"', "FALHA, LUZ"]),
        st.sampled_from(MOMENTS),
    ),
    "status": st.builds(
        lambda knr, status, when: [knr, status, when],
        st.sampled_from(KNRS),
        st.sampled_from(["M700", "M710", "L66A"]),
        st.sampled_from(MOMENTS),
    ),
}


@st.composite
def rows_without_conflict(draw):
    """A kind and rows of it of which no two share a natural key."""
    kind = draw(st.sampled_from(sorted(CONTRACTS)))
    contract = CONTRACTS[kind]
    places = [contract.names.index(name) for name in contract.key]
    return kind, draw(
        st.lists(ROWS[kind], min_size=1, max_size=12, unique_by=lambda row: tuple(row[place] for place in places))
    )


@st.composite
def writing(draw):
    """How a file is written: its format, and for text its encoding, separator, line ends and quotes."""
    return {
        "format": draw(st.sampled_from(["csv", "csv", "csv", "gzip", "xlsx"])),
        "encoding": draw(st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"])),
        "separator": draw(st.sampled_from([",", ";", "\t", "|"])),
        "line_end": draw(st.sampled_from(["\n", "\r\n"])),
        "order": draw(st.randoms(use_true_random=False)),
    }


def written(kind, rows, how):
    """The bytes of a file with these rows, its columns in any order."""
    names = list(CONTRACTS[kind].names)
    how["order"].shuffle(names)
    table = [names, *([dict(zip(CONTRACTS[kind].names, row, strict=True))[name] for name in names] for row in rows)]
    if how["format"] == "xlsx":
        book = Workbook()
        for row in table:
            book.active.append([cell or None for cell in row])
        content = io.BytesIO()
        book.save(content)
        return content.getvalue()
    text = "".join(
        how["separator"].join(quoted(cell, how["separator"]) for cell in row) + how["line_end"] for row in table
    )
    content = text.encode(how["encoding"])
    return gzip.compress(content) if how["format"] == "gzip" else content


def quoted(cell, separator):
    return '"' + cell.replace('"', '""') + '"' if separator in cell or '"' in cell else cell


@few
@given(
    rows_without_conflict(), st.lists(writing(), min_size=4, max_size=4), st.randoms(use_true_random=False), st.data()
)
def test_the_same_rows_make_the_same_lake(tmp_path_factory, kind_and_rows, ways, order, data):
    """Rows and columns shuffled, cut into files, some repeated, each file written otherwise, in any order: one lake."""
    kind, rows = kind_and_rows
    whole = Plant(tmp_path_factory.mktemp("whole"))
    whole.merge(csv(*(",".join(quoted(cell, ",") for cell in row) for row in rows), kind=kind), kind)
    parts = data.draw(st.lists(st.lists(st.sampled_from(rows), max_size=12), min_size=0, max_size=2), label="repeated")
    cuts = data.draw(st.integers(1, 2), label="files")
    parts += [rows[start::cuts] for start in range(cuts)]
    order.shuffle(parts)
    pieces = Plant(tmp_path_factory.mktemp("pieces"))
    for part, how in zip(parts, ways, strict=False):
        order.shuffle(part)
        line = pieces.merge(written(kind, part, how), kind)
        assert line.quarantined == 0
    assert pieces.content(kind) == whole.content(kind)
    assert sum(line.merged for line in pieces.see(views.ledger)) == len(rows)
    assert pieces.see(views.ledger_disagreements) == []


@few
@given(rows_without_conflict(), writing(), writing())
def test_submitting_twice_changes_nothing(tmp_path_factory, kind_and_rows, first, second):
    """The same rows again, written otherwise, are duplicates one and all."""
    kind, rows = kind_and_rows
    plant = Plant(tmp_path_factory.mktemp("plant"))
    plant.merge(written(kind, rows, first), kind)
    before = plant.content(kind)
    line = plant.merge(written(kind, rows, second), kind)
    assert (line.merged, line.duplicate, line.superseded) == (0, len(rows), 0)
    assert plant.content(kind) == before


WHOLE = csv(
    measured("1000.25"), measured('"2,50"', "012002"), measured("-0.5", "130100"), measured(7, "SECTION_ALS_1")
)  # fmt: skip
CUT = {
    "plain": WHOLE.encode(),
    "decimal comma": "".join(
        line.replace(",", ";").replace(".", ",") + "\n"
        for line in (HEADERS["resultados"], measured(1.25, "012001"), measured(2.75, "012002"))
    ).encode("utf-16"),
    "gzip": gzip.compress(WHOLE.encode()),
}


@pytest.mark.fault(11, 12)
@pytest.mark.parametrize("form", CUT)
def test_a_file_cut_anywhere_gives_no_wrong_row(tmp_path, form):
    """Cut at any byte, a file is refused, or its rows in the lake are rows of the whole file."""
    whole = Plant(tmp_path / "whole")
    whole.folder.mkdir()
    whole.merge(CUT[form])
    look = "SELECT KNR, NAME, VALUE, DATA FROM resultados"
    right = set(whole.rows(look))
    assert len(right) >= 2
    cut = Plant(tmp_path)
    step = max(len(CUT[form]) // 60, 1)
    places = {*range(0, len(CUT[form]), step), *range(len(CUT[form]) - 40, len(CUT[form]))}
    kept, refused = [], 0
    for place in sorted(places):
        try:
            kept.append((cut.facts(), cut.received(CUT[form][:place], work=f"cut-{place}")))
        except UploadRefusedError:
            refused += 1
    cut.merge_staged(kept)
    assert refused
    assert set(cut.rows(look)) <= right
