"""Promises about the pictures: whatever was compared is drawn, nothing is cut off, equal input gives equal bytes."""

import io
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.image import imread

from failure_platform.domain.comparison.importance import Importance
from failure_platform.domain.comparison.result import Comparison, Slice
from failure_platform.domain.figures.plotting import MODEL_STYLES
from failure_platform.domain.report.pictures import Picture, pictures
from support.report_samples import IMPORTANCES, compared, difference, drawn

LONG = "value:2:a test with a name that nobody shortened when it was given:0"
ALL = (
    "differences",
    "ROC",
    "precision and recall",
    "calibration",
    "alarms and misses",
    "confusion matrices",
    "slices",
    "importance",
    "training data difference",
)


def _many_and_long() -> tuple[Picture, ...]:
    slices = [_slice(number) for number in range(60)]
    moved = difference()
    return pictures(
        replace(compared(), slices=tuple(slices), worst_slice=slices[0], vehicles=1_234_567, failures=123_456),
        {
            "candidate": [Importance(f"{i}{LONG}", 0.3 / (i + 1), 0.01) for i in range(15)],
            "production": [Importance(f"{i}{LONG}", 0.2, 0.15) for i in range(3)],
        },
        replace(moved, shifts=tuple(replace(moved.shifts[0], feature=f"{i}{LONG}") for i in range(20))),
    )


# Comparisons that leave little room.
HARD: dict[str, Callable[[], tuple[Picture, ...]]] = {
    "usual": drawn,
    "no production": lambda: drawn(production=None),
    "worse": lambda: drawn(0.5, 2.5),
    "few vehicles": lambda: drawn(number=40),
    "many and long": _many_and_long,
}


def _slice(number: int) -> Slice:
    shift = (number - 20) / 50
    return Slice(
        "MODELO", f"{number} {LONG}", 5000, 300, "average_precision", 0.5, 0.5 + shift, shift, shift - 0.1, shift + 0.1,
        judged=True, worse=shift < -0.1,
    )  # fmt: skip


@pytest.mark.parametrize("case", HARD)
def test_every_picture_is_900_pixels_wide_and_nothing_is_cut_off(case: str) -> None:
    """No ink touches the edge: a legend or a label that runs out of the picture would."""
    shown = HARD[case]()
    assert len(shown) >= 7
    for picture in shown:
        pixels = imread(io.BytesIO(picture.png))[:, :, :3]
        assert pixels.shape[1] == 900, picture.name
        edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        assert (edge == 1).all(), f"{picture.name} of {case} is cut off"
        assert (pixels < 0.9).mean() > 0.002, f"{picture.name} of {case} is empty"


def test_every_picture_is_there_and_tells_itself_in_words() -> None:
    """Who cannot see a picture reads its text; the figures in it are the comparison's."""
    shown = {picture.name: picture for picture in drawn()}
    assert tuple(shown) == ALL
    assert all(len(picture.reading) > 40 and len(picture.alt) > 20 for picture in shown.values())
    usual = compared()
    assert f"new {usual.candidate['roc_auc']:.3f}" in shown["ROC"].alt
    assert f"{usual.confusions['candidate'].fn} missed" in shown["confusion matrices"].alt


def test_the_same_comparison_gives_the_same_bytes_and_another_one_others() -> None:
    again = Comparison.from_dict(compared().as_dict())
    first = drawn()
    assert pictures(again, IMPORTANCES, difference()) == first
    other = {one.name: one.png for one in drawn(1.5)}
    same = [one.name for one in first if other[one.name] == one.png]
    assert same == ["importance", "training data difference"], "these two were given the same"


def test_what_cannot_be_drawn_is_left_out() -> None:
    """Without a failure there is no curve; without production no slice can be worse and no data differ."""
    assert pictures(compared(number=0), {}, None) == ()
    names = [one.name for one in pictures(compared(production=None), {"candidate": ()}, None)]
    assert names == [name for name in ALL if name not in ("slices", "importance", "training data difference")]


def test_old_and_new_can_be_told_apart_without_colour() -> None:
    for one, other in pairwise(MODEL_STYLES.values()):
        assert one.line != other.line
        assert one.marker != other.marker
