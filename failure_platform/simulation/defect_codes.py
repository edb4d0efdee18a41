"""The codes of simulated falhas and their shares: halls, colours, engines, stations, parts and defects.

Codes and shares are those of the real files (published counts); values that were not published are marked as chosen.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Hall:
    """One HALLE and its stage.

    `share`: of the vehicles with any defect, those with one in this hall; `mean_rows`: their mean number of rows here.
    """

    code: str
    share: float
    mean_rows: float
    stage: int


# Shares of ZP7, ZP5, ZP5A, ZP6 and ZP8 are published; the others are chosen. ROD follows from the failure function.
HALLS = (
    Hall("ZP5", 0.47, 3.1, 1),
    Hall("ZP5A", 0.40, 2.8, 2),
    Hall("ZP61", 0.05, 1.4, 3),
    Hall("ZP6", 0.14, 2.0, 3),
    Hall("ZP62", 0.04, 1.4, 4),
    Hall("ZP6Q", 0.02, 1.3, 4),
    Hall("CAB", 0.06, 1.5, 4),
    Hall("ZP7", 0.94, 4.7, 5),
    Hall("INTE", 0.002, 1.1, 5),
    Hall("TLUI", 0.003, 1.1, 5),
    Hall("PVC", 0.003, 1.1, 2),
    Hall("PROC", 0.004, 1.1, 3),
    Hall("PROF", 0.004, 1.1, 4),
    Hall("DKA", 0.004, 1.1, 5),
    Hall("BUY", 0.005, 1.1, 5),
    Hall("AGUA", 0.03, 1.5, 7),
    Hall("RUID", 0.01, 1.3, 7),
    Hall("ESPC", 0.008, 1.2, 8),
    Hall("ZP8", 0.13, 2.0, 8),
    Hall("ZP82", 0.02, 1.3, 8),
    Hall("Q3RE", 0.001, 1.1, 8),
)
ROAD_HALL = "ROD"
ROAD_MEAN_ROWS = 1.2
# Rework after a failed road test: almost equivalent to the label, and later than it, so a leak if used as a feature.
REWORK = Hall("ZP8R", 0.002, 1.3, 8)
REWORK_SHARE_AFTER_FAILURE = 0.3
HALL_MISSING_SHARE = 0.0025  # never on a road-test defect

MODELS = {"T-CROSS": 0.70, "T-CROSS PA": 0.2985, "AUDI Q3": 0.0015}  # chosen, to fit the engines
AUDI, AUDI_ENGINE = "AUDI Q3", "DSN"
COLOURS = {
    "K2K2": 0.264,
    "2R2R": 0.231,
    "0Q0Q": 0.170,
    "A1A1": 0.105,
    "5T5T": 0.097,
    "6UA1": 0.053,
    "K2A1": 0.024,  # this and the following: chosen, in the published order
    "2RA1": 0.018,
    "5TA1": 0.013,
    "6K6K": 0.010,
    "0QA1": 0.008,
    "6KA1": 0.005,
    "O7O7": 0.002,
}
ENGINES = {"DHS": 0.5915, "CWL": 0.36, "DRP": 0.046, "CWS": 0.002, "   ": 0.0005}

SYSTEM_USER = "FHQWRAP"
SYSTEM_USER_SHARE = 0.25  # chosen
USERS = tuple(f"F{number * 7919 % 900_000 + 100_000:06d}" for number in range(400))

ROAD_STATION = "PCEQS709"
# Stations by hall: (code, share of that hall's rows); the remaining rows have one of the other stations.
HALL_STATIONS = {"ZP7": (("HCEQS506", 0.86),), "ZP5": (("HCEQS203", 0.46), ("HCEQS204", 0.42))}
OTHER_STATIONS = tuple(f"{prefix}{number}" for prefix in ("HCEQS", "PCEQS") for number in range(301, 335))

# S_GROUP_ID: rows in the newest real file.
GROUPS = {
    "2": 318_635,
    "4": 173_787,
    "5": 111_836,
    "1": 111_761,
    "9830946": 5_618,
    "133": 4_848,
    "140": 1_304,
    "137": 198,
}
UNLABELLED_GROUP, UNLABELLED_SHARE = "-2", 0.0386
MULTIVALUE_GROUP, MULTIVALUE_SHARE = "#MULTIVALUE", 0.00006

_PARTS = {
    "2": "PAINEL|CONSOLE|BANCO DIANTEIRO|BANCO TRASEIRO|FORRO DO TETO|TAPETE|COLUNA A|COLUNA B|VOLANTE|CINTO|AIRBAG"
    "|AR CONDICIONADO|PORTA LUVAS|QUEBRA SOL|RETROVISOR INTERNO|PEDAL|ALAVANCA|TÚNEL",
    "4": "PORTA DIANTEIRA ESQUERDA|PORTA DIANTEIRA DIREITA|PORTA TRASEIRA ESQUERDA|PORTA TRASEIRA DIREITA|MAÇANETA"
    "|VIDRO DA PORTA|GUARNIÇÃO DA PORTA|RETROVISOR EXTERNO|FECHADURA|SOLEIRA",
    "5": "CAPÔ|PARA-CHOQUE DIANTEIRO|FAROL ESQUERDO|FAROL DIREITO|GRADE|PARALAMA ESQUERDO|PARALAMA DIREITO|MOTOR",
    "1": "TAMPA TRASEIRA|PARA-CHOQUE TRASEIRO|LANTERNA ESQUERDA|LANTERNA DIREITA|LATERAL ESQUERDA|LATERAL DIREITA"
    "|ESCAPAMENTO|PORTA-MALAS",
    "9830946": "CHICOTE|MÓDULO|BATERIA",
    "133": "VEÍCULO",
    "140": "ETIQUETA",
    "137": "ASSOALHO",
}
_DEFECTS = (
    "RISCADO|AMASSADO|SOLTO|DESALINHADO|FORA DE POSIÇÃO|COM RUÍDO|NÃO FUNCIONA|COM FOLGA|SUJO|MANCHADO|QUEBRADO"
    "|TRINCADO|FALTANDO|TORQUE BAIXO|TORQUE ALTO|COM VAZAMENTO|COM REBARBA|COM CRATERA|COM ESCORRIDO|COM PONTO"
    "|ONDULADO|DESCASCADO|ENRUGADO|FURADO|TORTO|COM BOLHA|INVERTIDO|ERRADO|DUPLICADO|SEM FIXAÇÃO|MAL ENCAIXADO"
    "|COM VIBRAÇÃO|COM OXIDAÇÃO|CORTADO|DOBRADO|RASGADO|SEM PINTURA|COM EXCESSO DE COLA|SEM COLA|COM INFILTRAÇÃO"
    "|COM FALHA INTERMITENTE|SEM COMUNICAÇÃO|DESREGULADO|TRAVADO|PESADO|COM ATRITO|COM MARCA|QUEIMADO|OPACO"
)


@dataclass(frozen=True)
class DefectTexts:
    """The distinct FALHA texts as parallel arrays: text, group and probability."""

    text: NDArray[np.object_]
    group: NDArray[np.object_]
    share: NDArray[np.float64]

    def sample(self, uniform: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return positions of FALHA texts, sampled by share, for uniform draws in [0, 1)."""
        return _sample(self.share, uniform)

    def sample_of_group(self, group: str, uniform: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return positions of FALHA texts of one group, sampled by share, for uniform draws in [0, 1)."""
        members = np.flatnonzero(self.group == group)
        return np.asarray(members[_sample(self.share[members], uniform)], dtype=np.int64)


def _sample(shares: NDArray[np.float64], uniform: NDArray[np.float64]) -> NDArray[np.int64]:
    cumulative = np.cumsum(shares)
    return np.searchsorted(cumulative / cumulative[-1], uniform, side="right").astype(np.int64)


@cache
def defect_texts() -> DefectTexts:
    """Return the 2,450 combinations of part and defect; in a group the k-th is 1/k times as likely as the first."""
    texts, groups, shares = [], [], []
    defects = _DEFECTS.split("|")
    for group, parts in _PARTS.items():
        # The loop over defects is the outer one, so that the frequent texts are spread over the parts.
        names = [f"{part} {defect}" for defect in defects for part in parts.split("|")]
        weights = 1 / np.arange(1.0, len(names) + 1)
        texts += names
        groups += [group] * len(names)
        shares.append(weights / weights.sum() * GROUPS[group] / sum(GROUPS.values()))
    return DefectTexts(np.array(texts, dtype=object), np.array(groups, dtype=object), np.concatenate(shares))
