"""The transport problems are what they say, and the same for the same seed."""

import numpy as np
import pytest
from scipy.ndimage import label

from sparsesci.bench.problems import PROBLEMS
from sparsesci.bench.problems.transport_images import digit_images, digit_pairs, image_weights, stroke_image

TRANSPORT = {name: problem for name, problem in PROBLEMS.items() if problem.family == "transport"}


def systems_of(name, seed=221, **changes):
    """Return the systems of a problem at its quick size."""
    problem = TRANSPORT[name]
    small = problem.quick or {"n": 36}
    return list(problem.make(np.random.default_rng(seed), **{**problem.parameters, **small, **changes}))


@pytest.mark.parametrize("name", TRANSPORT)
def test_weights_are_positive_with_sum_one_and_costs_are_of_order_one(name):
    for a, b, C, reg in systems_of(name):
        assert C.shape == (a.size, b.size) and a.min() > 0 and b.min() > 0 and reg > 0
        assert a.sum() == pytest.approx(1, abs=1e-14) and b.sum() == pytest.approx(1, abs=1e-14)
        assert C.min() >= 0 and 0.9 < C.max() <= 2


@pytest.mark.parametrize("name", TRANSPORT)
def test_the_seed_makes_the_systems(name):
    first, again = systems_of(name), systems_of(name)
    for system, other in zip(first, again, strict=True):
        assert all(np.array_equal(part, same) for part, same in zip(system, other, strict=True))


def test_the_first_assignment_is_that_of_the_seed_and_the_next_is_another():
    (_, _, C, reg), (_, _, D, _) = systems_of("assign", seed=222, n=7, eta=1200.0)
    assert np.array_equal(C, np.random.default_rng(222).random((7, 7))) and reg == 1 / 1200
    assert not np.array_equal(C, D)


def test_a_stroke_covers_a_part_of_a_black_image_as_a_digit_does():
    image = stroke_image(np.random.default_rng(223), 28)
    assert image.shape == (28, 28) and image.max() == 255 and np.array_equal(image, np.round(image))
    assert 0.05 < (image > 127).mean() < 0.35 and (image == 0).mean() > 0.5
    assert (image[:2] == 0).all() and (image[:, -2:] == 0).all()


def test_the_shipped_digits_are_whole_sixteenths_of_ink():
    sixteenths = digit_images(8) * 16 / 255  # at their own size splines change nothing
    assert sixteenths.shape == (10, 8, 8) and sixteenths.min() == 0 and sixteenths.max() == 16
    assert np.allclose(sixteenths, np.round(sixteenths), atol=1e-10)
    assert np.round(sixteenths[0, 0]).tolist() == [0, 0, 5, 13, 9, 1, 0, 0]  # the first line of optdigits.tes


def test_an_enlarged_zero_has_one_hole_an_eight_two_and_a_one_none():
    paper = np.pad(digit_images(28) < 100, ((0, 0), (1, 1), (1, 1)), constant_values=True)
    assert [label(paper[digit])[1] - 1 for digit in (0, 8, 1)] == [1, 2, 0]


def test_five_pairs_take_each_digit_once_and_a_sixth_begins_anew():
    digits = [image_weights(image) for image in digit_images(9)]
    pairs = list(digit_pairs(np.random.default_rng(224), size=9, metric="l2", eta=50.0, length=7))
    found = [
        next(k for k, digit in enumerate(digits) if np.array_equal(digit, w)) for a, b, *_ in pairs for w in (a, b)
    ]
    assert sorted(found[:10]) == list(range(10)) and found[10] != found[11] and found[12] != found[13]


def test_the_costs_of_images_are_those_between_pixels():
    (_, _, C, _), _ = systems_of("image-l2", size=4)
    (_, _, D, _), _ = systems_of("image-l1", size=4)
    assert C[0, 5] == pytest.approx(2 / 16) and D[0, 5] == pytest.approx(2 / 4) and D[3, 12] == pytest.approx(6 / 4)


@pytest.mark.parametrize("name", ["image-l2", "digits-l1"])
def test_pairs_of_images_share_one_matrix_of_costs_and_differ_in_their_images(name):
    (a, b, C, _), (c, _, D, _) = systems_of(name)
    assert C is D and not np.array_equal(a, b) and not np.array_equal(a, c)


def test_an_unknown_metric_or_kind_is_named():
    for name in ("image-l2", "digits-l2"):
        with pytest.raises(ValueError, match="metric is 'l3'"):
            systems_of(name, metric="l3")
    with pytest.raises(ValueError, match="kind is 'fog'"):
        systems_of("sweep-clouds", kind="fog")


@pytest.mark.parametrize("name", [name for name in TRANSPORT if name.startswith("sweep")])
def test_a_sweep_is_one_problem_at_five_regs(name):
    systems = systems_of(name, length=5)
    assert [reg for *_, reg in systems] == pytest.approx([1e-1, 1e-2, 1e-3, 1e-4, 1e-5])
    assert all(system[2] is systems[0][2] for system in systems)


@pytest.mark.parametrize(("name", "n"), [("assign", 500), ("assign1000", 1000), ("assign2000", 2000), ("clouds", 1000)])
def test_the_full_size_is_that_of_the_record(name, n):
    assert TRANSPORT[name].parameters["n"] == n and TRANSPORT[name].goal == 1e-9


@pytest.mark.parametrize("name", ["image-l2", "image-l1", "digits-l2", "digits-l1"])
def test_images_have_the_size_and_the_eta_of_the_paper(name):
    parameters = TRANSPORT[name].parameters
    assert parameters["size"] == 28 and parameters["eta"] == 1200 and parameters["metric"] == name[-2:]
