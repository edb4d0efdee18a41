"""The inputs of the network: known tests have positions, numbers have a common scale, gaps are padding."""

import numpy as np
import pytest

from failure_platform.domain.sequence.inputs import FIRST_TEST, NO_ROW, OTHER_TEST, encode, fit_scales

GAP = np.nan


def sequences(*steps: tuple[float, float, float, float]) -> np.ndarray:
    """One vehicle with these steps (test, status, value, hours), newest first."""
    return np.array(steps, dtype=np.float32).reshape(1, -1)


def many(tests: list[float], values: list[float], hours: float = 5.0) -> np.ndarray:
    """Vehicles with one row each."""
    return np.array([(test, 10, value, hours) for test, value in zip(tests, values, strict=True)], dtype=np.float32)


def test_the_oldest_row_comes_first_and_gaps_stand_before_it() -> None:
    """The network ends with what happened last, however many rows a vehicle has."""
    scales = fit_scales(many([7, 7, 9, 9], [1, 2, 3, 4]), rarest=2)
    tests, numbers = encode(sequences((9, 13, 3.5, 1), (7, 10, 1.5, 8), (GAP, GAP, GAP, GAP)), scales)
    assert tests.tolist() == [[NO_ROW, FIRST_TEST, FIRST_TEST + 1]]
    assert numbers[0, :, 2].tolist() == [0, 0, 1], "only the newest verdict is NOK"
    assert not numbers[0, 0].any()
    assert np.isfinite(numbers).all()


def test_rare_and_new_tests_share_one_place() -> None:
    """A test seen too seldom to learn from, and one that is introduced after training, are read alike."""
    scales = fit_scales(many([7] * 5 + [8], [1, 2, 3, 4, 5, 60]), rarest=2)
    assert scales.codes.tolist() == [7]
    rare, new = (encode(sequences((test, 10, 60, 5)), scales) for test in (8, 12345))
    assert rare[0].tolist() == new[0].tolist() == [[OTHER_TEST]]
    assert np.array_equal(rare[1], new[1])
    below = encode(sequences((1, 10, 60, 5)), scales)
    assert below[0].tolist() == [[OTHER_TEST]]


def test_values_are_on_the_scale_of_their_test_and_an_outlier_moves_it_little() -> None:
    """Temperature and speed come out alike, and one wild value neither sets the scale nor drowns the rest."""
    rng = np.random.default_rng(0)
    usual = rng.normal(size=2000)
    values = np.concatenate([300 + 2 * usual, 1500 + 180 * usual, [1e9]])
    scales = fit_scales(many([7.0] * 2000 + [9.0] * 2001, values.tolist()), rarest=5)
    _, low = encode(many([7, 9], [302, 1680]), scales)
    assert low[:, 0, 0] == pytest.approx([1, 1], abs=0.1)
    _, wild = encode(many([9], [1e9]), scales)
    assert wild[0, 0, 0] == 8


def test_a_row_without_value_says_so() -> None:
    """An absent value is not the usual value."""
    scales = fit_scales(many([7, 7, 7], [1, 2, 3]), rarest=2)
    _, numbers = encode(many([7, 7], [2, GAP]), scales)
    assert numbers[:, 0, :2].tolist() == [[0, 1], [0, 0]]


@pytest.mark.parametrize("x", [np.full((3, 8), GAP, dtype=np.float32), np.empty((0, 8), dtype=np.float32)])
def test_nothing_at_all_is_no_error(x: np.ndarray) -> None:
    """A training side without a row before the prediction points gives an empty vocabulary."""
    scales = fit_scales(x, rarest=2)
    tests, numbers = encode(sequences((7, 13, 2, 5), (GAP, GAP, GAP, GAP)), scales)
    assert tests.tolist() == [[NO_ROW, OTHER_TEST]]
    assert np.isfinite(numbers).all()
