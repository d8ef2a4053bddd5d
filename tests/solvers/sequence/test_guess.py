"""Starting guesses from the last solutions."""

import numpy as np

from sparsesci._lib.operator import as_operator
from sparsesci.solvers.sequence.guess import LONGEST_REST, N_SOLUTIONS, Guess


def test_without_a_solution_there_is_no_guess(lib):
    A, b, _ = lib.poisson(30, seed=811)
    assert Guess().at(as_operator(A, b), b) is None


def test_a_solution_of_the_same_system_is_the_guess(lib):
    A, b, x = lib.poisson(30, seed=812)
    guess = Guess()
    guess.learn(x)
    assert np.allclose(lib.host(guess.at(as_operator(A, b), b)), lib.host(x), rtol=1e-6)


def test_a_system_between_two_is_guessed_exactly(lib):
    A, b, x = lib.poisson(30, seed=813)
    _, c, y = lib.poisson(30, seed=814)
    guess = Guess()
    guess.learn(x)
    guess.learn(y)
    x0 = guess.at(as_operator(A, b), 0.25 * b + 0.75 * c)
    assert np.allclose(lib.host(x0), lib.host(0.25 * x + 0.75 * y), atol=1e-6)


def test_complex_solutions_combine_with_complex_weights(lib):
    A, b, x = lib.poisson(30, seed=815, dtype=complex)
    guess = Guess()
    guess.learn(x)
    assert np.allclose(lib.host(guess.at(as_operator(A, b), 1j * b)), 1j * lib.host(x), rtol=1e-6)


def test_unrelated_right_hand_sides_are_soon_left_alone(host_lib):
    A, _, _ = host_lib.poisson(300, seed=816)
    rng = np.random.default_rng(817)
    guess, products = Guess(), []
    for _ in range(40):
        b = rng.standard_normal(300)
        operator = as_operator(A, b)
        assert guess.at(operator, b) is None
        products.append(operator.nmatvec)
        guess.learn(rng.standard_normal(300))
    assert sum(products) <= 6 * N_SOLUTIONS


def test_a_zero_solution_does_no_harm(lib):
    A, b, x = lib.poisson(30, seed=818)
    guess = Guess()
    guess.learn(0 * x)
    assert guess.at(as_operator(A, b), b) is None


def test_a_new_size_begins_anew(host_lib):
    guess = Guess()
    guess.learn(np.ones(7))
    guess.learn(np.ones(30))
    A, b, _ = host_lib.poisson(30, seed=819)
    guess.at(operator := as_operator(A, b), b)
    assert operator.nmatvec == 1


def test_a_solution_of_another_dtype_is_no_guess(lib):
    A, b, x = lib.poisson(30, seed=820, dtype=complex)
    _, c, _ = lib.poisson(30, seed=820)
    guess = Guess()
    guess.learn(x)
    assert guess.at(as_operator(A, b), c) is None


def test_a_guess_that_costs_more_than_it_saves_is_left_alone_for_a_while(host_lib):
    A, b, x = host_lib.poisson(30, seed=821)
    guess, products = Guess(), []
    for _ in range(100):
        guess.learn(x)
        operator = as_operator(A, b)
        if guess.at(operator, b) is not None:
            guess.weigh(seconds=2.0, saved=1.0)
        products.append(operator.nmatvec > 0)
    assert 1 < sum(products) < 10 and any(products[-LONGEST_REST - 1 :])


def test_a_guess_that_pays_is_used_every_time(host_lib):
    A, b, x = host_lib.poisson(30, seed=822)
    guess = Guess()
    for _ in range(10):
        guess.learn(x)
        assert guess.at(as_operator(A, b), b) is not None
        guess.weigh(seconds=1.0, saved=2.0)
