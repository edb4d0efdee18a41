"""Promises about what a person is problems of a file or folder that is not taken."""

import errno

import pytest

from failure_platform.domain.arrivals import Sighting, is_clutter, is_upload
from failure_platform.domain.not_taken import (
    MOST_SHOWN,
    RETRY_SECONDS,
    Blocked,
    Contents,
    NotTaken,
    due,
    in_words,
    not_listed,
    not_readable,
    stray_file,
    stray_folder,
    subfolder,
)

KINDS = ("resultados", "falhas", "status")


@pytest.mark.fault(89)
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *(
            ("Falha", "falhas"),
            ("FALHAS", "falhas"),
            ("falhas 2024", "falhas"),
            ("Fälhas", "falhas"),
            ("flahas", "falhas"),
        ),
        *(("Resultado", "resultados"), ("resultdos", "resultados"), ("STATUS", "status"), ("status_", "status")),
        *(("Estado", None), ("Fotos", None), ("2024", None), ("backup", None)),
    ],
)
def test_the_kind_that_is_meant_is_suggested_and_no_other(name: str, kind: str | None) -> None:
    """Misspelt, in another case, with an accent or a year; what resembles none is problems with all of them."""
    problems = stray_folder(name, Contents(("a.csv",), 1), KINDS)
    assert problems is not None
    assert problems.kind == kind
    assert problems.path == f"uploads/{name}"
    folders = [f"uploads/{one}" for one in KINDS if f"uploads/{one}" in problems.what_to_do]
    assert folders == ([f"uploads/{kind}"] if kind else [f"uploads/{one}" for one in KINDS])


@pytest.mark.fault(89)
def test_an_empty_folder_is_nobodys_loss_unless_it_is_misspelt() -> None:
    """A folder that waits for files under a wrong name is problems before the first file is lost in it."""
    assert subfolder("status", "old", Contents()) is None
    assert stray_folder("old", Contents(), KINDS) is None
    assert stray_folder("Falha", Contents(), KINDS) is not None
    assert stray_folder("old", Contents(complete=False), KINDS) is not None, "what cannot be seen may be a file"


@pytest.mark.fault(88)
@pytest.mark.parametrize("name", ["Thumbs.db", "DESKTOP.INI", ".DS_Store", "~$x.xlsx", "._x.csv", "Icon\r", "@eaDir"])
def test_clutter_is_no_upload(name: str) -> None:
    assert is_clutter(name)
    assert not is_upload(name)


@pytest.mark.fault(88)
@pytest.mark.parametrize("name", ["thumbs.csv", "desktop.ini.csv", "x.zip", "$x.csv", "x~$.csv", "eaDir.csv"])
def test_what_only_resembles_clutter_is_an_upload(name: str) -> None:
    assert is_upload(name)


@pytest.mark.fault(85, 86)
@pytest.mark.parametrize("number", [*errno.errorcode, None])
def test_whatever_the_system_answers_is_told_with_path_reason_and_what_to_do(number: int | None) -> None:
    error = OSError(number, "strange answer") if number else OSError("strange answer")
    for problems in (not_readable("status", "a\n.csv", error), not_listed(["status"], error, None, "status")):
        assert problems.path.startswith("uploads/status")
        assert "strange answer" in problems.why or number == errno.ENOTDIR
        assert problems.what_to_do
        assert str(problems).isprintable()


@pytest.mark.fault(85)
def test_an_unreadable_file_rests_until_its_time_or_until_it_changes() -> None:
    """Reading up to a damaged block may take minutes: not at every tick."""
    file, other = Sighting("a", 1, 1, 1), Sighting("b", 1, 1, 2)
    blocked = {"a": Blocked(file, NotTaken("", "", ""), tried_at=100.0)}
    assert due([file, other], blocked, 100.0) == [other]
    assert due([Sighting("a", 1, 1, 9)], blocked, 100.0) == [], "another inode is no change"
    assert due([file, other], blocked, 100.0 + RETRY_SECONDS) == [file, other]
    for changed in (Sighting("a", 2, 1, 1), Sighting("a", 1, 2, 1)):
        assert due([changed], blocked, 100.0) == [changed]


def test_of_many_only_a_few_are_said_and_the_others_counted() -> None:
    problems = [stray_file(f"{number}.csv", KINDS) for number in range(MOST_SHOWN + 4)]
    assert in_words(problems).endswith("And 4 more.")
    assert in_words(problems[:MOST_SHOWN]).count("uploads/") == MOST_SHOWN * (1 + len(KINDS))
