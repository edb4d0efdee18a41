"""People: whatever the layout, no identifier of a person is kept in clear."""

import pyarrow.parquet as pq
import pytest

from failure_platform.domain.contracts import CONTRACTS
from failure_platform.domain.rows.refusals import UploadRefusedError
from failure_platform.resources.reading.pseudonyms import pseudonyms
from support.upload_files import KEY, lake_rows, quarantined, reader, rejected, workbook

NAMES = "KNR;MODELO;COR;MOTOR;ESTACAO;USUARIO;HALLE;FALHA;S_GROUP_ID;DATA"
ROW = "2024-051600{};T-CROSS;K2K2;DHS;PCEQS709;F700001;ROD;RUIDO;5;2024-01-29 10:00:0{}"


@pytest.fixture
def read(tmp_path):
    return reader(tmp_path)


def lines(*further, names=NAMES):
    return [names, *(ROW.format(number, number) for number in range(3)), *further]


def csv(rows):
    return "\n".join([*rows, ""])


def xlsx(rows):
    return workbook({"S": [row.split(";") for row in rows]})


def in_clear(received):
    return any("f700001" in str(pq.read_table(path).to_pylist()).lower() for path in received.folder.glob("*.parquet"))


@pytest.mark.fault(47)
@pytest.mark.parametrize("name", ["USUÁRIO", "usuario", "Usua\u0301rio", " USUARIO\u200b", "USU\u00adARIO"])
@pytest.mark.parametrize("form", [csv, xlsx])
def test_the_personal_column_is_known_however_it_is_spelt(read, name, form):
    """An accent or an invisible sign in the name would leave every person in clear."""
    received = read(form(lines(names=NAMES.replace("USUARIO", name))), "falhas")
    assert set(lake_rows(received, "USUARIO")) == {pseudonyms(KEY)("F700001")}
    assert not in_clear(received)


@pytest.mark.fault(47)
@pytest.mark.parametrize(
    "shifted",
    [
        "2024-0516009;K2K2;DHS;PCEQS709;F700001;ROD;RUIDO;5;;2024-01-29 10:00:09",
        "2024-0516009;T-CROSS;x;K2K2;DHS;PCEQS709; f700001;ROD;RUIDO;2024-01-29 10:00:09",
        "2024-0516009;T-CROSS;K2K2;DHS;PCEQS709;;ROD;RUIDO;2024-01-29 10:00:09;F700001",
    ],
)
@pytest.mark.parametrize("form", [csv, xlsx])
def test_a_person_in_another_column_is_withheld_and_the_row_set_aside(read, shifted, form):
    """Shifted cells bring a person into a column that is stored as it is."""
    received = read(form(lines(shifted)), "falhas")
    assert received.understood["misplaced_people"] == 1
    assert len(lake_rows(received, "KNR")) == 3
    assert "names a person of the file; its cells may be in the wrong columns" in quarantined(received)[0]
    assert not in_clear(received)


@pytest.mark.fault(47)
@pytest.mark.parametrize("form", [csv, xlsx])
def test_a_person_in_a_text_is_withheld_and_the_row_kept(read, form):
    """The defect is true; only the name in it is replaced."""
    named = ROW.format(9, 9).replace("RUIDO", "RUIDO, ver F700001")
    received = read(form(lines(named)), "falhas")
    assert lake_rows(received, "FALHA")[-1] == f"RUIDO, VER {pseudonyms(KEY)('F700001')}"
    assert not in_clear(received)


@pytest.mark.fault(47)
def test_a_hall_that_a_shifted_row_brought_among_the_people_stays_a_hall(read):
    """One shifted row must not take every row of its hall to quarantine."""
    many = [ROW.format(0, 0).replace("10:00:00", f"10:{minute}:07") for minute in range(10, 40)]
    received = read(csv(lines(*many, "2024-0516009;T;K;D;x;ROD;P;RUIDO;;2024-01-29 10:00:09")), "falhas")
    assert lake_rows(received, "HALLE").count("ROD") == 33


@pytest.mark.fault(47)
@pytest.mark.parametrize(("kind", "row"), [
    ("status", "2024-0516001;M700;2024-01-29 10:00:07;F700001"),
    ("resultados", "2024-0516001;012001;2;10;Nm;0;1,5;2024-01-29 10:00:07;F700001"),
])  # fmt: skip
@pytest.mark.parametrize("name", ["USUARIO", "Operador", "Matrícula"])
def test_a_line_that_is_no_row_names_no_person_in_any_kind(read, kind, row, name):
    """A kind without a personal column may still come with one; so the cells of a ragged line are withheld."""
    names = ";".join([*CONTRACTS[kind].names, name])
    received = read(csv([names, row, f"{row};x", row.replace(";", "", 1)]), kind)
    assert len(rejected(received)) == 2
    assert not in_clear(received)


@pytest.mark.fault(47)
def test_a_refusal_repeats_no_row(read):
    """A row with a column's name as a value may look like the header; its cells are not told."""
    with pytest.raises(UploadRefusedError) as refused:
        read(csv([ROW.format(1, 1).replace("RUIDO", "Motor")]), "falhas")
    assert "F700001" not in str(refused.value)
