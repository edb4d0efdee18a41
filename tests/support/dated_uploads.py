"""Files of status events with dates of any form, for the tests of dates: written, read and validated."""

import datetime as dt

import openpyxl

from failure_platform.domain.contracts import CONTRACTS
from failure_platform.resources.merging.validated_rows import validate_rows
from failure_platform.resources.reading.upload import read_upload
from failure_platform.resources.storage.scratch_database import scratch

RECEIVED_AT = dt.datetime(2026, 11, 1)
DAY, MONTH = "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S"
ISO = "%Y-%m-%d %H:%M:%S"


def knr(day, sequence=0):
    """Return a vehicle built in the week of a day."""
    year, week, weekday = day.isocalendar()
    return f"{year}-{week:02d}{weekday}{sequence:04d}"


class Upload:
    """A file of status events, read and validated."""

    def __init__(self, folder):
        self.folder = folder

    def read(self, rows, rule=None):
        """Read rows (KNR, text of DATA) from a csv file."""
        path = self.folder / "upload.csv"
        path.write_text("\n".join(["KNR,STATUS,DATA", *(f"{vehicle},M700,{text}" for vehicle, text in rows)]) + "\n")
        return self._read(path, rule)

    def read_cells(self, rows, rule=None):
        """Read rows (KNR, cell of DATA) from a workbook."""
        book = openpyxl.Workbook()
        for row in [("KNR", "STATUS", "DATA"), *((vehicle, "M700", cell) for vehicle, cell in rows)]:
            book.active.append(row)
        path = self.folder / "upload.xlsx"
        book.save(path)
        return self._read(path, rule)

    def _read(self, path, rule):
        return read_upload(path, CONTRACTS["status"], self.folder / "work", person_key=b"key", date_rule=rule)

    def times(self, received):
        """Return the time, or the reasons, of each row."""
        judged = validate_rows(CONTRACTS["status"], received, RECEIVED_AT)
        with scratch(received.folder) as con:
            rows = con.execute(f"""SELECT "DATA", reasons FROM '{judged.rows}' ORDER BY "row" """).fetchall()
        return [reasons or time for time, reasons in rows]


def moments(*days, hour=10):
    """Return times on days of 2023, written (month, day), with minutes that are no month."""
    return [dt.datetime(2023, month, day, hour, 30 + number % 20, 5) for number, (month, day) in enumerate(days)]


def written(times, form, built=None):
    """Return rows (KNR, text) of vehicles, built in the week of their time unless `built` is given."""
    return [(knr(built or time, number), time.strftime(form)) for number, time in enumerate(times)]


FAR = dt.datetime(2021, 2, 1)
"""A day that tells nothing about 2023."""
OPEN = moments((3, 5), (4, 5), (2, 6), (4, 4))
