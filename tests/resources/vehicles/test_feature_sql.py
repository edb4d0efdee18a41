"""The compiled rules: the same text in every process, since a change of it describes every vehicle again."""

import os
import subprocess
import sys

_PRINT = """
from failure_platform.domain.targets import ROAD_TEST
from failure_platform.resources.vehicles.feature_sql import compile_sql
print(compile_sql(ROAD_TEST, (), 0).fingerprint)
"""


def test_the_rules_have_one_fingerprint_in_every_process():
    """Python orders sets anew in every process; were the SQL to follow it, nothing new would rebuild everything."""
    found = {
        subprocess.run(
            [sys.executable, "-c", _PRINT],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1
