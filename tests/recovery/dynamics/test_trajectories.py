"""Data of a model of motion: what is accepted, and what is refused by name."""

import numpy as np
import pytest

from sparsesci.recovery.dynamics.trajectories import column_names, trajectories


def waves(n, d=2, seed=2711):
    return np.random.default_rng(seed).standard_normal((n, d))


class Frame:
    """What pandas and polars frames have in common: columns with names, and ``__array__``."""

    def __init__(self, values, columns):
        self.values, self.columns = values, columns

    def __array__(self, dtype=None, copy=None):
        """Return the values, as NumPy asks for them."""
        return np.asarray(self.values, dtype)


def test_an_array_is_one_trajectory_with_times_by_its_step():
    (part,) = trajectories(waves(5), 0.25)
    assert part.x.shape == (5, 2)
    assert np.array_equal(part.t, [0, 0.25, 0.5, 0.75, 1.0])


def test_without_times_the_step_is_one():
    (part,) = trajectories(waves(4))
    assert np.array_equal(part.t, [0, 1, 2, 3])


def test_integers_are_promoted():
    (part,) = trajectories(np.arange(6).reshape(3, 2))
    assert part.x.dtype == float


def test_float32_stays_float32():
    (part,) = trajectories(waves(4).astype(np.float32))
    assert part.x.dtype == np.float32


def test_a_vector_is_one_state():
    (part,) = trajectories(np.arange(5.0), u=np.ones(5))
    assert part.x.shape == part.u.shape == (5, 1)


def test_a_list_is_one_trajectory_an_entry_and_lengths_may_differ():
    parts = trajectories([waves(5), waves(9)], [0.1, np.arange(9.0)])
    assert [len(part.t) for part in parts] == [5, 9]
    assert parts[0].t[1] == 0.1


def test_one_step_serves_all_trajectories():
    assert [part.t[1] for part in trajectories([waves(5), waves(9)], 0.5)] == [0.5, 0.5]


def test_controls_that_are_too_short_are_named():
    with pytest.raises(ValueError, match="u has 500 samples and x 1000"):
        trajectories(waves(1000), u=waves(500, 1))


def test_controls_of_a_list_of_trajectories_are_a_list():
    with pytest.raises(ValueError, match="u must be a list too"):
        trajectories([waves(5), waves(5)], u=waves(5, 1))


def test_all_trajectories_have_controls_or_none():
    x = np.ones((5, 1))
    with pytest.raises(ValueError, match=r"u\[1\] is None"):
        trajectories([x, x], u=[x, None])


def test_a_trajectory_of_a_list_is_named_by_its_number():
    with pytest.raises(ValueError, match=r"x_dot\[1\] has 3 samples and x\[1\] 4"):
        trajectories([waves(5), waves(4)], x_dot=[waves(5), waves(3)])


def test_transposed_data_are_recognised():
    with pytest.raises(ValueError, match="500 states in columns and 3 samples in rows: is it transposed"):
        trajectories(waves(3, 500))


def test_nan_is_named_by_its_index():
    x = waves(6)
    x[4, 1] = np.nan
    with pytest.raises(ValueError, match=r"x\[4, 1\] is nan"):
        trajectories(x)


def test_omitted_nan_rows_cut_a_trajectory_in_pieces():
    x = waves(9)
    x[3, 0] = x[4, 1] = np.nan
    first, second = trajectories(x, 0.1, u=np.arange(9.0), nan_policy="omit")
    assert np.array_equal(first.x, x[:3])
    assert np.array_equal(second.x, x[5:])
    assert np.array_equal(second.u[:, 0], [5, 6, 7, 8])
    assert second.t[0] == pytest.approx(0.5)


def test_what_is_masked_is_missing():
    x = np.ma.masked_greater(np.arange(12.0).reshape(6, 2), 10.5)
    with pytest.raises(ValueError, match=r"x\[5, 1\] is nan"):
        trajectories(x)
    (part,) = trajectories(x, nan_policy="omit")
    assert part.x.shape == (5, 2)
    assert trajectories(np.ma.masked_array([[1, 2], [3, 4]]))[0].x.dtype == float


def test_nothing_but_nan_is_refused():
    with pytest.raises(ValueError, match="every sample is NaN"):
        trajectories(np.full((5, 2), np.nan), nan_policy="omit")


def test_an_unknown_nan_policy_is_named():
    with pytest.raises(ValueError, match="nan_policy is 'drop'"):
        trajectories(waves(5), nan_policy="drop")


def test_times_that_decrease_are_named():
    with pytest.raises(ValueError, match=r"t\[2\] = 0.5 is not after 1"):
        trajectories(waves(4), [0, 1, 0.5, 2])


def test_times_that_repeat_are_named():
    with pytest.raises(ValueError, match=r"t\[1\] = 0 is not after 0"):
        trajectories(waves(3), [0, 0, 1])


def test_as_many_times_as_samples_are_needed():
    with pytest.raises(ValueError, match=r"t has shape \(3,\) and x 4 samples"):
        trajectories(waves(4), [0, 1, 2])


@pytest.mark.parametrize("step", [0.0, -0.1, np.nan])
def test_a_step_must_be_positive(step):
    with pytest.raises(ValueError, match="t is"):
        trajectories(waves(4), step)


def test_complex_states_are_refused_with_advice():
    with pytest.raises(TypeError, match="x is complex: pass its real and imaginary parts"):
        trajectories(waves(4) * 1j)


def test_ragged_data_are_refused():
    with pytest.raises((TypeError, ValueError), match=r"ragged|inhomogeneous"):
        trajectories(np.array([[1.0, 2.0], [3.0]], dtype=object))


@pytest.mark.parametrize("empty", [[], np.empty((0, 2)), np.empty((5, 0))])
def test_empty_data_are_refused(empty):
    with pytest.raises(ValueError, match="empty"):
        trajectories(empty)


def test_trajectories_must_be_of_one_width():
    with pytest.raises(ValueError, match=r"trajectories of x have \[2, 3\] columns"):
        trajectories([waves(5), waves(5, 3)])


def test_a_field_is_for_libraries_of_fields():
    field = np.zeros((8, 5, 1))
    with pytest.raises(ValueError, match="samples in rows"):
        trajectories(field)
    (part,) = trajectories(field, 0.1, is_field=True)
    assert part.x.shape == field.shape
    assert len(part.t) == 5


def test_columns_of_a_frame_give_names():
    frame = Frame(waves(6), ["hare", "lynx"])
    assert column_names(frame) == column_names([frame]) == ["hare", "lynx"]
    (part,) = trajectories(frame)
    assert np.array_equal(part.x, frame.values)


def test_columns_that_are_numbered_have_no_names():
    class Frame:
        columns = (0, 1)  # as pandas numbers those of an array: "1" is the name of the constant

    assert column_names(Frame()) is None


def test_arrays_have_no_names():
    assert column_names(waves(6)) is None


def test_data_stay_in_their_library(lib):
    (part,) = trajectories(lib.array(waves(7)), 0.5, u=lib.array(waves(7, 1)))
    assert np.array_equal(lib.host(part.x), waves(7))
    assert lib.host(part.u).shape == (7, 1)


def test_nan_rows_are_omitted_in_any_library(lib):
    x = waves(7)
    x[2, 0] = np.nan
    first, second = trajectories(lib.array(x), 0.5, nan_policy="omit")
    assert np.array_equal(lib.host(first.x), x[:2])
    assert np.array_equal(lib.host(second.x), x[3:])


def test_rows_that_are_typed_in_are_one_trajectory():
    (part,) = trajectories([[1.0, 2.0], [3, 4], [5, 6]], u=[0.1, 0.2, 0.3])
    assert part.x.shape == (3, 2)
    assert part.u.shape == (3, 1)


def test_trajectories_that_are_typed_in_are_several():
    assert len(trajectories([[[1.0, 2.0], [3, 4]], [[5, 6], [7, 8], [9, 9]]])) == 2
