"""A plant whose uploads are merged into a real lake in any order, and its vehicles table."""

import shutil
from datetime import date, datetime, timedelta

import pandas as pd

from failure_platform.domain.features.wide import data_version
from failure_platform.domain.targets import ROAD_TEST
from failure_platform.resources.lake.target_tables import read_table, vehicles_table
from failure_platform.resources.vehicles.vehicles_table import DICTIONARY, update_vehicles
from support.merging_plant import HEADERS, Plant

T0 = datetime(2024, 1, 8, 6)
VEHICLES = 16


def knr(vehicle):
    return f"2024-021{vehicle:04}"


def at(vehicle, hours):
    """Hours after a vehicle's usual prediction point; one every seven hours."""
    return T0 + timedelta(hours=7 * vehicle + hours)


def result(vehicle, hours=-3, test="041001", value=1.0, status=10, value_id=0):
    number = "" if value is None else value
    return f"{knr(vehicle)},{test},2,{status},Nm,{value_id},{number},{at(vehicle, hours)}"


def event(vehicle, hours=0, code="M700"):
    return f"{knr(vehicle)},{code},{at(vehicle, hours)}"


def defect(vehicle, hours, halle="ROD", group="", model=""):
    return f"{knr(vehicle)},{model},,,,,{halle},rattle,{group},{at(vehicle, hours)}"


def upload(kind, *rows):
    return kind, "\n".join([HEADERS[kind], *rows]) + "\n"


def usual():
    """Sixteen vehicles: their stamps, results enough for running medians, and falhas of the first days."""
    everyone = range(VEHICLES)
    return [
        upload("status", *(event(i) for i in everyone), *(event(i, -9, "M600") for i in everyone)),
        upload(
            "resultados",
            *(result(i, hours, value=i % 5 + hours) for i in everyone for hours in (-3, -5)),
            *(result(i, test="041002", value=i, value_id=1) for i in everyone),
        ),
        upload("falhas", defect(0, -2, "ZP7", "4", "T-CROSS"), defect(1, 5), defect(5, 6, group="5")),
    ]


class VehiclePlant(Plant):
    """A lake with uploads, and its vehicles table."""

    def copy(self, folder):
        """The same plant in another folder; what happens to one does not happen to the other."""
        shutil.copytree(self.folder, folder, copy_function=shutil.copy2)
        other = VehiclePlant(folder)
        other.count = self.count
        return other

    def take(self, *uploads):
        """Merge (kind, content), each as an upload of its own; return their keys."""
        return [self.merge(content, kind).key for kind, content in uploads]

    def update(self, target=ROAD_TEST, declared=None, sequence_length=0, code="1", rebuild_reason=None):
        periods = {
            name: (date(2024, 1, first), date(2024, 1, last)) for name, (first, last) in (declared or {}).items()
        }
        return update_vehicles(self.lake, target, periods, sequence_length, code, rebuild_reason=rebuild_reason)

    def table(self, target=ROAD_TEST):
        return read_table(self.lake, vehicles_table(target.name))

    def dictionary(self):
        return self.rows(f"SELECT * FROM {DICTIONARY} ORDER BY ALL")

    def require_same_as_rebuilt(self, **settings):
        """Compare the current table with a full rebuild."""
        kept, meanings, version = self.table(), self.dictionary(), data_version(self.table())
        whole = self.update(rebuild_reason="it is compared", **settings)
        pd.testing.assert_frame_equal(kept, whole.frame, check_exact=True)
        assert meanings == self.dictionary()
        assert version == data_version(whole.frame) == data_version(self.table())
