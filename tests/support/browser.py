"""The Chromium that the tests drive, and where their screenshots are kept to be looked at."""

import shutil
from pathlib import Path

SHOTS = Path(__file__).parents[2] / "test-output"
CHROMIUM = next((found for name in ("chromium", "google-chrome") if (found := shutil.which(name))), None)
