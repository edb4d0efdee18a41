"""The command line on one home, in this process or in one of its own."""

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from failure_platform.cli.app import main


@dataclass(frozen=True)
class Terminal:
    """The command line on one home."""

    home: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> Mapping[str, str]:
        home = {"FAILURE_PLATFORM_HOME": str(self.home), "FAILURE_PLATFORM_SETTLE_SECONDS": "0.1"}
        return {**self.settings, **home}

    def __call__(self, *arguments: str, code: int = 0) -> Any:
        """Run a command in this process, which has loaded the libraries already."""
        out, errors, code_of_end = io.StringIO(), io.StringIO(), 0
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        with (
            pytest.MonkeyPatch.context() as patch,
            warnings.catch_warnings(),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(errors),
        ):
            patch.setattr(sys, "argv", ["failure-platform", *arguments])
            for name, value in self.environment.items():
                patch.setenv(name, value)
            try:
                main()
            except SystemExit as end:
                code_of_end = int(end.code or 0)
            finally:
                for number, handler in handlers.items():
                    signal.signal(number, handler)
        return self._answer(arguments, code_of_end, code, out.getvalue(), errors.getvalue())

    def typed(self, *arguments: str, code: int = 0) -> Any:
        """Run a command as a person does, in a process of its own."""
        done = subprocess.run(
            [str(Path(sys.executable).with_name("failure-platform")), *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        return self._answer(arguments, done.returncode, code, done.stdout, done.stderr)

    def _answer(self, arguments: Sequence[str], ended: int, code: int, out: str, errors: str) -> Any:
        assert ended == code, errors
        return json.loads(out) if "--json" in arguments and out else out + errors

    def drop(self, data: Path) -> None:
        for file in data.glob("*.csv.gz"):
            folder = self.home / "uploads" / file.name.split(".")[0]
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, folder / file.name)
