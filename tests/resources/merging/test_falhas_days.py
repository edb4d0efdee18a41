"""What each falhas upload has by day and hall is kept with its rows, whoever brought them first; labels follow it."""

import pytest

from failure_platform.domain.targets import ROAD_TEST
from failure_platform.resources.lake.tables import FALHAS_DAYS, create_tables
from failure_platform.resources.vehicles.vehicles_table import update_vehicles
from support.merging_plant import Plant, csv

ALL = f"SELECT upload, day::VARCHAR, HALLE, vehicles, grouped FROM {FALHAS_DAYS} ORDER BY ALL"


@pytest.fixture
def plant(tmp_path):
    return Plant(tmp_path)


def defect(knr, data, halle="ROD", group="4", falha="rattle"):
    return f"{knr},,,,PCEQS709,,{halle},{falha},{group},{data}"


A, B = "2024-0516001", "2024-0516002"


def test_vehicles_are_counted_by_upload_day_and_hall(plant):
    """Rows that are repeated in a file, or in another one, or replaced later, are what the file has all the same."""
    first = [
        defect(A, "2024-01-29 10:00:00"),
        defect(A, "2024-01-29 10:00:00"),
        defect(A, "2024-01-29 11:00:00", falha="noise"),
        defect(B, "2024-01-29 12:00:00", group=""),
        defect(B, "2024-01-30 12:00:00", halle=""),
    ]
    second = [defect(A, "2024-01-29 10:00:00"), defect(B, "2024-01-29 12:00:00", group="5"), "nonsense,,,,,,,,,"]
    plant.merge(csv(*first, kind="falhas"), "falhas")
    plant.merge(csv(*second, kind="falhas"), "falhas")
    expected = [
        ("u001", "2024-01-29", "ROD", 2, 1),
        ("u001", "2024-01-30", None, 1, 1),
        ("u002", "2024-01-29", "ROD", 2, 2),
    ]
    assert plant.rows(ALL) == expected
    # An older release wrote no such table: what it holds is found again from the rows and the duplicates.
    with plant.lake.write() as connection:
        connection.execute(f"DROP TABLE {FALHAS_DAYS}")
        create_tables(connection)
    assert plant.rows(ALL) == expected
    plant.withdraw("u001", "falhas")
    assert plant.rows(ALL) == expected[2:]


def test_other_kinds_and_uploads_merged_again_add_nothing(plant):
    facts = plant.facts("falhas")
    content = csv(defect(A, "2024-01-29 10:00:00"), kind="falhas")
    plant.merge(content, "falhas", facts)
    once = plant.rows(ALL)
    plant.merge(content, "falhas", facts)
    plant.merge(csv(f"{A},M700,2024-01-29 08:00:00", kind="status"), "status")
    assert plant.rows(ALL) == once


def labels(plant):
    """The outcome of each vehicle, in words."""
    found = update_vehicles(plant.lake, ROAD_TEST, {}, 0, "1").frame.set_index("KNR")
    words = found["label"].map({1: "failed", 0: "did not fail"}).astype(object)
    return words.where(found["label"].notna(), found["label_reason"]).to_dict()


@pytest.mark.fault(80)
def test_a_controllers_clock_of_the_year_2000_labels_nobody(plant):
    """One row of 2000 beside five of February: the vehicles of January are not covered by the years between."""
    january = [f"2024-051600{number}" for number in range(6)]
    february = "2024-0816001"
    passed = [f"{knr},M700,2024-01-29 1{number}:00:00" for number, knr in enumerate(january)]
    plant.merge(csv(*passed, f"{february},M700,2024-02-19 12:00:00", kind="status"), "status")
    rows = [defect(knr, f"2024-02-{19 + day} 10:00:00", "ZP7") for day, knr in enumerate(january[:5])]
    plant.merge(csv(*rows, defect("2024-0516009", "2000-01-01 00:03:12", "ZP7"), kind="falhas"), "falhas")
    assert labels(plant) == dict.fromkeys(january, "not covered") | {february: "did not fail"}


@pytest.mark.fault(81)
def test_an_export_of_one_hall_labels_nobody(plant):
    """Forty vehicles with a row in ZP7 and none in ROD: nothing says that the road test is in the file."""
    knrs = [f"2024-05160{number:02}" for number in range(40)]
    days = [29 + number % 3 for number in range(40)]
    plant.merge(
        csv(*(f"{k},M700,2024-01-{d} 08:00:00" for k, d in zip(knrs, days, strict=True)), kind="status"), "status"
    )
    rows = [defect(knr, f"2024-01-{day} 07:00:00", "ZP7") for knr, day in zip(knrs, days, strict=True)]
    late = [defect(f"2024-05169{day:02}", f"2024-02-{day:02} 07:00:00", "ZP7") for day in range(1, 6)]
    plant.merge(csv(*rows, *late, kind="falhas"), "falhas")
    assert "did not fail" not in labels(plant).values()


@pytest.mark.fault(82)
def test_halls_of_merged_cells_saved_as_csv_leave_the_label_unknown(plant):
    """A spreadsheet writes a merged cell into its first row only: the vehicles below it failed the road test too."""
    knrs = [f"2024-051600{number}" for number in range(1, 6)]
    plant.merge(csv(*(f"{knr},M700,2024-01-29 08:00:00" for knr in knrs), kind="status"), "status")
    rows = [
        defect(knr, "2024-01-29 10:00:00", halle)
        for knr, halle in zip(knrs, ["ROD", "", "", "ZP8", "ZP7"], strict=True)
    ]
    rest = [defect("2024-0516009", f"2024-01-{day} 10:00:00", "ROD") for day in (29, 30, 31)]
    plant.merge(csv(*rows, *rest, defect("2024-0516009", "2024-02-01 10:00:00"), kind="falhas"), "falhas")
    assert labels(plant) == {
        knrs[0]: "failed",
        knrs[1]: "a defect without hall or group",
        knrs[2]: "a defect without hall or group",
        knrs[3]: "did not fail",
        knrs[4]: "did not fail",
    }
