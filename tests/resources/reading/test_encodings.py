"""Encodings: what was written in code page 850, or partly in UTF-8, is read as it was meant or set aside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.examples import examples
from support.upload_files import lake_rows, quarantined, reader

NAMES = "KNR,ESTACAO,HALLE,FALHA,DATA"
WORDS = ["Ruído coluna de direção", "Tür größer öffnen", "pressão do óleo", "ÁGUA NA PORTA", "vão", "°C"]


@pytest.fixture
def read(tmp_path):
    return reader(tmp_path)


def content(*defects):
    rows = (b"2024-0516001,P7,ROD,%b,2024-01-29 10:00:%02d" % (text, number) for number, text in enumerate(defects))
    return b"\n".join([NAMES.encode(), *rows, b""])


def upper(word):
    return word.upper().replace("SS", "ẞ") if "ß" in word else word.upper()


@pytest.mark.fault(48)
@pytest.mark.parametrize("encoding", ["cp1252", "cp850", "utf-8"])
@pytest.mark.parametrize("words", [WORDS, WORDS[:1], WORDS[1:2], WORDS[2:3]])
def test_accents_are_read_as_they_were_meant(read, encoding, words):
    """A command window writes code page 850, a spreadsheet Windows-1252; their bytes are different characters."""
    received = read(content(*(word.encode(encoding) for word in words)), "falhas")
    assert received.understood["encoding"] == encoding
    assert lake_rows(received, "FALHA") == [upper(word) for word in words]


@pytest.mark.fault(48)
@pytest.mark.parametrize("other", ["cp1252", "cp850"])
def test_single_lines_in_utf_8_are_read_as_utf_8(read, other):
    """An export that somebody corrected by hand in another program."""
    received = read(content("Ruído porta".encode(), *["Pressão, óleo".replace(",", "").encode(other)] * 4), "falhas")
    assert received.understood["encoding"] == f"{other} and utf-8"
    assert set(lake_rows(received, "FALHA")) == {"RUÍDO PORTA", "PRESSÃO ÓLEO"}


@pytest.mark.fault(48)
def test_a_line_in_two_encodings_is_set_aside(read):
    """It is neither; its true text is not known."""
    both = "Ruído ".encode() + "pressão".encode("cp1252")
    received = read(content(both, *["Pressão".encode("cp1252")] * 4), "falhas")
    assert quarantined(received) == ["line: holds bytes that are no character; export it again"]


@pytest.mark.fault(48)
@pytest.mark.parametrize(
    ("word", "wrongly"),
    [("Ruído", "cp1252"), ("DIREÇÃO", "cp1252"), ("größer", "cp1252"), ("vão", "latin-1"), ("ÁGUA", "latin-1")],
)
def test_what_another_program_misread_is_set_aside(read, word, wrongly):
    """UTF-8 that was read as another encoding and written again is valid UTF-8, and no word."""
    misread = word.encode().decode(wrongly)
    received = read(content(misread.encode(), b"RISCO"), "falhas")
    assert lake_rows(received, "FALHA") == ["RISCO"]
    assert "FALHA: written in another encoding" in quarantined(received)[0]


@pytest.mark.fault(48)
@examples(30)
@given(st.lists(st.sampled_from("áâãçéêíóôõúüäöñÁÂÃÇÉÊÍÓÔÕÚÜÄÖÑ aeR"), min_size=1, max_size=12).map("".join))
def test_utf_8_is_never_taken_for_misread(tmp_path_factory, text):
    """No correct word of the plants' languages goes to quarantine."""
    received = reader(tmp_path_factory.mktemp("read"))(content(f"x{text}x".encode()), "falhas")
    assert lake_rows(received, "FALHA") == [f"x{text}x".upper()]
