"""The falhas rows of simulated vehicles: the failures of the road test among many other defects."""

from collections.abc import Mapping
from functools import cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from failure_platform.simulation import defect_codes
from failure_platform.simulation.line import ROAD_STAGE
from failure_platform.simulation.plan import Simulation
from failure_platform.simulation.text_columns import taken_texts, text_column, timestamps
from failure_platform.simulation.vehicles import Vehicles

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.object_]
Rng = np.random.Generator

_HALLS = (*defect_codes.HALLS, defect_codes.REWORK)
_ROAD = len(_HALLS)  # position of the road test after the other halls
_HALL_CODES = np.array([*(hall.code for hall in _HALLS), defect_codes.ROAD_HALL], dtype=object)
_HALL_STAGES = np.array([*(hall.stage for hall in _HALLS), ROAD_STAGE])
# Some vehicles have many defects in every hall: a lognormal factor of mean 1 with this sigma.
_PRONENESS_SIGMA = 0.6


def simulated_falhas(plan: Simulation, block: int, vehicles: Vehicles) -> pa.Table:
    """Return a text table with one row per defect of the finished vehicles, ordered by vehicle and time.

    Defects before the road test are independent of its outcome; rework after a failure (ZP8R) is not.
    """
    rng = plan.random_stream(block, "falhas")
    counts = _counts(rng, vehicles)
    vehicle, hall = np.divmod(np.repeat(np.arange(counts.size), counts.ravel()), _ROAD + 1)
    on_road = hall == _ROAD
    begin = vehicles.boundaries[vehicle, _HALL_STAGES[hall]]
    end = vehicles.boundaries[vehicle, _HALL_STAGES[hall] + 1]
    into = rng.random(vehicle.size)
    seconds = np.where(on_road, vehicles.failed_at[vehicle] + 60 * into, begin + (end - begin) * into)
    order = np.lexsort((seconds, vehicle))
    vehicle, hall, on_road, seconds = vehicle[order], hall[order], on_road[order], seconds[order]

    model, colour, engine = _models_colours_engines(rng, vehicles.knr.size)
    halls = _HALL_CODES[hall]
    halls[~on_road & (rng.random(vehicle.size) < defect_codes.HALL_MISSING_SHARE)] = None
    falha, group = _defects(rng, on_road, vehicles.group[vehicle])
    users = np.array([defect_codes.SYSTEM_USER, *defect_codes.USERS], dtype=object)
    by_system = rng.random(vehicle.size) < defect_codes.SYSTEM_USER_SHARE
    return pa.table(
        {
            "KNR": taken_texts(vehicles.knr, vehicle),
            "MODELO": taken_texts(model, vehicle),
            "COR": taken_texts(colour, vehicle),
            "MOTOR": taken_texts(engine, vehicle),
            "ESTACAO": text_column(_stations(rng, _HALL_CODES[hall])),
            "USUARIO": taken_texts(users, np.where(by_system, 0, rng.integers(1, users.size, vehicle.size))),
            "HALLE": text_column(halls),
            "FALHA": text_column(falha),
            "S_GROUP_ID": text_column(group),
            "DATA": timestamps((1000 * seconds).astype(np.int64).astype("datetime64[ms]")),
        }
    )


def _counts(rng: Rng, vehicles: Vehicles) -> Ints:
    """Return the number of defects, shape (vehicles, halls + 1); the road test is last."""
    count = vehicles.knr.size
    here = rng.random((count, len(_HALLS))) < _hall_shares()
    here[:, -1] |= vehicles.failed & (rng.random(count) < defect_codes.REWORK_SHARE_AFTER_FAILURE)
    sigma = _PRONENESS_SIGMA
    proneness = np.exp(sigma * rng.standard_normal((count, 1)) - sigma**2 / 2)
    more = rng.poisson(proneness * np.array([hall.mean_rows - 1 for hall in _HALLS]))
    elsewhere = np.where(here & vehicles.finished[:, None], 1 + more, 0)
    road = np.where(vehicles.failed, 1 + rng.poisson(defect_codes.ROAD_MEAN_ROWS - 1, count), 0)
    return np.concatenate([elsewhere, road[:, None]], axis=1)


@cache
def _hall_shares() -> NDArray[np.float64]:
    """Return the share of all vehicles with a defect in each hall, from the shares among vehicles with any defect."""
    among = np.array([hall.share for hall in _HALLS])
    with_any = 1.0
    for _ in range(20):  # fixed-point iteration: with_any = 1 - product of (1 - share * with_any)
        with_any = 1 - float(np.prod(1 - among * with_any))
    return among * with_any


def _models_colours_engines(rng: Rng, vehicles: int) -> tuple[Codes, Codes, Codes]:
    """Return model, colour and engine of each vehicle; in real uploads only falhas has them."""

    def drawn(shares: Mapping[str, float]) -> Codes:
        return rng.choice(np.array(list(shares), dtype=object), size=vehicles, p=np.array(list(shares.values())))

    model, colour, engine = (
        drawn(shares) for shares in (defect_codes.MODELS, defect_codes.COLOURS, defect_codes.ENGINES)
    )
    engine[model == defect_codes.AUDI] = defect_codes.AUDI_ENGINE
    return model, colour, engine


def _defects(rng: Rng, on_road: Bools, cause: Codes) -> tuple[Codes, Codes]:
    """Return FALHA and S_GROUP_ID of each row; road test rows are of the group that caused the failure."""
    known = defect_codes.defect_texts()
    drawn = known.sample(rng.random(on_road.size))
    for group in sorted({str(name) for name in cause[on_road] if name is not None}):
        rows = np.flatnonzero(on_road & (cause == group))
        drawn[rows] = known.sample_of_group(group, rng.random(rows.size))
    groups = known.group[drawn]
    odd = rng.random(on_road.size)
    groups[~on_road & (odd < defect_codes.UNLABELLED_SHARE)] = defect_codes.UNLABELLED_GROUP
    groups[~on_road & (odd > 1 - defect_codes.MULTIVALUE_SHARE)] = defect_codes.MULTIVALUE_GROUP
    return known.text[drawn], groups


def _stations(rng: Rng, halls: Codes) -> Codes:
    """Return the station of each row, sampled by its hall."""
    stations = rng.choice(np.array(defect_codes.OTHER_STATIONS, dtype=object), size=halls.size)
    stations[halls == defect_codes.ROAD_HALL] = defect_codes.ROAD_STATION
    draw = rng.random(halls.size)
    for hall, shares in defect_codes.HALL_STATIONS.items():
        below = 0.0
        for code, share in shares:
            stations[(halls == hall) & (draw >= below) & (draw < below + share)] = code
            below += share
    return stations
