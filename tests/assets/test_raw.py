"""The raw asset's page: what was understood of a file, in words that a plant engineer reads without the code."""

import dagster as dg
import pytest

from failure_platform.catalog import uploads_of
from failure_platform.definitions import build
from failure_platform.domain.rows.findings import findings_in_words
from failure_platform.resources.platform import Platform
from failure_platform.settings import Settings

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
UGLY = "Relatório\n\nKNR;STATUS;DATA;Observação\n" + "2024-0210001;M700;2024-01-08 06:00:00;ok\n" * 2


@pytest.fixture
def pages(settings: Settings, dagster_instance: dg.DagsterInstance):
    """Drop files of one run and return the metadata of each upload's page, by file name."""

    def of(files: dict[str, bytes]) -> dict[str, dict[str, dg.MetadataValue]]:
        platform = Platform(settings)
        for name, content in files.items():
            (platform.inbox.folder("status") / name).write_bytes(content)
        received = [platform.inbox.receive("status", sighting) for sighting in platform.inbox.look("status")]
        keys = [receipt.key for receipt in received if receipt is not None]
        dagster_instance.add_dynamic_partitions(str(uploads_of("status").name), keys)
        done = (
            build(settings)
            .resolve_job_def("ingest_status")
            .execute_in_process(
                instance=dagster_instance,
                tags={"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]},
                run_config=QUIET,
                raise_on_error=False,
            )
        )
        shown = [m.metadata for m in done.asset_materializations_for_node("raw_status")]
        return {str(page["file"].value): dict(page) for page in shown}

    return of


def table(value: dg.MetadataValue) -> list[list[str]]:
    assert isinstance(value, dg.TableMetadataValue)
    return [list(map(str, record.data.values())) for record in value.records]


def test_the_page_says_what_was_understood_and_shows_first_rows(pages) -> None:
    """Encoding, separator, header, counts and unused columns in words; the first rows, a line per column."""
    page = pages({"feio.csv": UGLY.encode("latin-1")})["feio.csv"]
    understood = dict(table(page["what was understood of the file"]))
    assert understood["characters written as"] == "Windows-1252 (Western European)"
    assert understood["separator between cells"] == "semicolon  ;"
    assert understood["column names stand in"] == "line 3"
    assert understood["blank lines"] == "1 line, passed over"
    assert understood["further columns, not used"] == "Observação"
    assert understood["dates are read as"] == "year-month-day (ISO)"
    assert page["dagster/row_count"].value == 2
    assert table(page["preview"]) == [
        ["KNR", "2024-0210001", "2024-0210001"],
        ["STATUS", "M700", "M700"],
        ["DATA", "2024-01-08 06:00:00", "2024-01-08 06:00:00"],
    ]


def test_each_upload_of_a_run_has_a_page_of_its_own(pages) -> None:
    """A refused one says why, first of all; the counts of one upload do not show those of another."""
    header = "KNR,STATUS,DATA\n"
    shown = pages(
        {
            "a.csv": f"{header}2024-0210001,M700,2024-01-08 06:00:00\n".encode(),
            "b.csv": f"{header}2024-0210002,M700,2024-01-08\n2024-0210003,M700,2024-01-08\n".encode(),
            "c.csv": b"KNR,ESTADO,DATA\n1,2,3\n",
        }
    )
    assert [shown[name]["dagster/row_count"].value for name in ("a.csv", "b.csv", "c.csv")] == [1, 2, 0]
    assert "STATUS of status is missing" in str(shown["c.csv"]["refused"].value)
    assert table(shown["b.csv"]["preview"])[0] == ["KNR", "2024-0210002", "2024-0210003"]


def test_no_finding_is_hidden_and_none_is_shown_as_code() -> None:
    """What the readers found and nobody wrote a label for is still shown, readable."""
    found = {"sheets": {"A": 1_048_575, "B": 2}, "new_finding": ["x", 1_000], "another": {"y": False}, "ratio": 0.5}
    assert findings_in_words(found) == [
        ("sheets read", "A (1,048,575 rows), B (2 rows)"),
        ("new finding", "x, 1,000"),
        ("another", "y: no"),
        ("ratio", "0.5"),
    ]


@pytest.mark.parametrize(
    ("container", "words"),
    [
        ("csv", "text table (csv)"),
        ("csv in gzip", "text table (csv), compressed with gzip"),
        ("xlsx in gzip", "Excel workbook (xlsx), compressed with gzip"),
    ],
)
def test_a_container_is_named_as_people_name_it(container: str, words: str) -> None:
    assert findings_in_words({"container": container}) == [("kind of file", words)]


def test_a_long_list_of_names_is_cut_and_counted() -> None:
    (told,) = findings_in_words({"ignored_columns": [f"c{n}" for n in range(2_000)]})
    assert told[1].endswith("c19 and 1,980 more")
