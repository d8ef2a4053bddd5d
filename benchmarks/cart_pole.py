"""A pole on a cart, swung up and balanced by what was learned of it: a surrogate, plans on it, and a short policy.

``python benchmarks/cart_pole.py > benchmarks/results/cart_pole.json`` makes the record. After Zolman, Lagemann, Fasel,
Kutz, Brunton, *SINDy-RL* (arXiv 2403.09110): discrete dynamics in 41 functions (degree 2, u, and u times degree 2) and
a reward of degree 2 from 8000 random steps, ensembles of 20 models with bagging of rows and libraries; two rounds in
which plans made on the surrogate are carried out and what happens is added to the data; and a policy ``clip(poly3 Xi)``
of 55 coefficients, chosen on the surrogate from 25 pairs of ridge and threshold times 20 models. A search on the
surrogate then improves those of them that are odd: the motion has a mirror image. In both the steps of the surrogate
are disturbed by as much as they are wrong (rms of the residuals of the fit): without this a search finds its faults.

* fit: processor time of 20 models beside PySINDy's, one after the other, medians of five, with all functions, and
  without the constant, where none depends on others.
* returns: of ten episodes of 500 steps (10 s), in the true system and in the surrogate: random controls, plans made on
  the surrogate and on the true dynamics, the distilled policy, before and after its search.
* members: the spread of the policy's return over the models of the ensemble, and that of their single steps beside
  their errors, for ensembles with and without bagging of libraries.
* A pole is balanced that is within 0.2 rad of upright for the last 100 steps.

The search and the plans take the reward less 1 for a step at an end of the rail; what is reported is the reward alone.
"""

import time
import warnings
from dataclasses import replace
from functools import partial

import numpy as np
from provenance import provenance, write

SEED = 6121
N_RANDOM, N_STEPS, N_STARTS, N_BALANCED = 8000, 500, 10, 100
N_MANY = 200  # starts of the policies, which cost little
N_ROUNDS, N_EPISODES = 2, 4  # of carrying out plans, and episodes of a round
THRESHOLD, ALPHA, N_MODELS, FRACTION = 7e-3, 5e-5, 20, 0.9
POLICY_THRESHOLDS, POLICY_ALPHAS = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1), (1e-5, 1e-3, 1e-1, 1.0, 10.0)


def library(constant=True):
    """Return the 41 functions, or the 40 that are independent where cos^2 + sin^2 = 1."""
    from sparsesci.recovery.dynamics.control_affine_library import ControlAffineLibrary
    from sparsesci.recovery.dynamics.polynomial_library import PolynomialLibrary

    return ControlAffineLibrary(PolynomialLibrary(2, include_bias=False), PolynomialLibrary(2, include_bias=constant))


def optimizer(threshold=THRESHOLD, alpha=ALPHA, fraction=FRACTION):
    """Return an ensemble of regressions."""
    from sparsesci.recovery.dynamics.ensemble import ensemble
    from sparsesci.recovery.dynamics.stlsq import stlsq

    single = partial(stlsq, threshold=threshold, alpha=alpha)
    return ensemble(single, n_models=N_MODELS, library_fraction=fraction, rng=SEED)


def dynamics(steps, functions=None, fraction=FRACTION):
    """Return the model of motion for states, controls and next states."""
    from sparsesci.bench.cart_pole import CONTROL, NAMES
    from sparsesci.recovery.dynamics.sindy import SINDy

    x, u, after = steps
    functions = library() if functions is None else functions
    model = SINDy(functions, optimizer(THRESHOLD, ALPHA, fraction), discrete=True, feature_names=[*NAMES, CONTROL])
    return model.fit(x, x_dot=after, u=u)


class Experience:
    """What has been seen of a system, and the surrogate that is fitted to it."""

    def __init__(self, system):
        self.system, self.steps, self.rewards = system, [], []

    def add(self, x, u, rewards):
        """Add trajectories (m, n_t, 5) with their controls and rewards."""
        self.steps.append(self.system.transitions(x, u))
        self.rewards.append((x[:, 1:].reshape(-1, 5), rewards.ravel(), u.reshape(-1, 1)))

    def disturbed(self, rng, surrogate):
        """Return a surrogate of which each step is disturbed by as much as it is wrong on what has been seen."""
        x, u, after = self.transitions
        spread = np.sqrt(((surrogate.dynamics.predict(x, u) - after) ** 2).mean(axis=0))
        return replace(surrogate, project=lambda x: self.system.project(x + spread * rng.standard_normal(x.shape)))

    @property
    def transitions(self):
        """States, controls and next states, off the ends of the rail."""
        return tuple(map(np.concatenate, zip(*self.steps, strict=True)))

    def surrogate(self, fraction=FRACTION):
        """Return models fitted to all that has been seen."""
        from sparsesci.bench.cart_pole import CONTROL, NAMES
        from sparsesci.bench.surrogate import Surrogate
        from sparsesci.recovery.dynamics.library_regressor import LibraryRegressor
        from sparsesci.recovery.dynamics.polynomial_library import PolynomialLibrary

        x, r, u = map(np.concatenate, zip(*self.rewards, strict=True))
        options = {"bounds": (0, 1), "feature_names": [*NAMES, CONTROL]}
        reward = LibraryRegressor(PolynomialLibrary(2), optimizer(1e-3, 1e-5), **options).fit(x, r, u)
        return Surrogate(dynamics(self.transitions, None, fraction), reward, self.system.project)


def value(run, system, n_steps=None):
    """Return the function that plans and policies are judged by: their rewards, less 1 for a step at an end."""

    def returns(x0, u):
        x, _, rewards = run(x0, u, u.shape[1] if n_steps is None else n_steps)
        return rewards.sum(axis=1) - system.is_stopped(x[:, 1:].reshape(-1, 5)).reshape(rewards.shape).sum(axis=1)

    return returns


def peer(constant, n_models=N_MODELS):
    """Return PySINDy's model with the same functions and options, to be fitted; of one model with all samples."""
    import pysindy

    parts = [
        pysindy.PolynomialLibrary(2, include_bias=False),
        pysindy.PolynomialLibrary(2, include_bias=constant),
        pysindy.PolynomialLibrary(1, include_bias=False),
    ]
    states = list(range(5))
    functions = pysindy.GeneralizedLibrary(
        parts, tensor_array=[[0, 1, 1]], inputs_per_library=[states, states, [5]], exclude_libraries=[1, 2]
    )
    regression = pysindy.STLSQ(threshold=THRESHOLD, alpha=ALPHA)
    if n_models > 1:
        options = {"bagging": True, "library_ensemble": True, "n_models": n_models}
        regression = pysindy.EnsembleOptimizer(regression, n_candidates_to_drop=round((1 - FRACTION) * 41), **options)
    return pysindy.DiscreteSINDy(optimizer=regression, feature_library=functions)


def fit_times(steps, repeats=5):
    """Return the milliseconds of fits beside PySINDy's, and the groups of functions that are dependent."""
    from sparsesci.recovery.dynamics.stlsq import stlsq

    x, u, after = steps
    rows = []
    for constant in (True, False):
        ours, theirs = [], []
        model = dynamics(steps, library(constant))  # compiles
        for _ in range(repeats):
            begin = time.process_time()
            model = dynamics(steps, library(constant))
            middle = time.process_time()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                peer(constant).fit(x, t=1, x_next=after, u=u)  # a ridge does not spare it warnings of singular ones
            ours.append(middle - begin)
            theirs.append(time.process_time() - middle)
        names, result = model.get_feature_names(), model.result_
        one = model.set_params(optimizer=partial(stlsq, threshold=THRESHOLD, alpha=ALPHA)).fit(x, x_dot=after, u=u)
        other = peer(constant, 1).fit(x, t=1, x_next=after, u=u).coefficients()
        rows.append(
            {
                "functions": len(names),
                "samples": len(x),
                "path": result.path,
                "collinear": [[names[j] for j in group] for group in result.collinear],
                "ms": round(1e3 * float(np.median(ours)), 1),
                "pysindy_ms": round(1e3 * float(np.median(theirs)), 1),
                "ratio": round(float(np.median(theirs) / np.median(ours)), 1),
                "one_model_same_support": bool(np.array_equal(one.coef_ != 0, other != 0)),
                "one_model_largest_difference": float(f"{np.abs(one.coef_ - other).max():.1e}"),
            }
        )
    return rows


def told(rewards, x):
    """Return what a record says of episodes with rewards (m, n_steps) and states x (m, n_steps + 1, 5)."""
    from sparsesci.bench.cart_pole import is_balanced

    returns = rewards.sum(axis=1)
    return {
        "return_mean": round(float(returns.mean()), 1),
        "return_least": round(float(returns.min()), 1),
        "balanced": round(float(is_balanced(x, N_BALANCED).mean()), 2),
        "furthest": round(float(np.abs(x[..., 0]).max()), 2),
    }


def both(system, surrogate, policy, x0):
    """Return what is told of a policy (made anew by a call) in the true system and in the surrogate."""
    rows = {}
    for name, run in (("true", system.run), ("surrogate", surrogate.run)):
        x, _, rewards = run(x0, policy(), N_STEPS)
        rows[name] = told(rewards, x)
    return rows


def uncertainty(experience, fraction, policy, x0):
    """Return what the models of an ensemble say of the return of a policy, and of single steps on its course."""
    surrogate = experience.surrogate(fraction)
    rewards = replace(surrogate, members=True).run(x0, policy, N_STEPS)[2]
    returns = rewards.sum(axis=1).reshape(N_MODELS, -1).mean(axis=1)
    x, u, _ = experience.system.run(x0, policy, N_STEPS)
    before, controls, after = experience.system.transitions(x, u)
    variance = surrogate.dynamics.predict_variance(before, controls).mean(axis=0)
    errors = ((surrogate.dynamics.predict(before, controls) - after) ** 2).mean(axis=0)
    return {
        "library_fraction": fraction,
        "return_mean": round(float(returns.mean()), 1),
        "return_std": round(float(returns.std()), 2),
        "step_std": [float(f"{root:.2g}") for root in np.sqrt(variance)],
        "step_rms_error": [float(f"{root:.2g}") for root in np.sqrt(errors)],
    }


def candidates_of(rng, system, surrogate, planner):
    """Return the library of policies as a program, the coefficients (500, 55) of candidates, and the states (5, n)."""
    from sparsesci.bench.cart_pole import MIRROR
    from sparsesci.recovery.dynamics.grid_search import grid_search
    from sparsesci.recovery.dynamics.polynomial_library import PolynomialLibrary
    from sparsesci.recovery.dynamics.samples import Samples

    expert = replace(planner, n_done=1)
    x, u = expert.demonstrations(rng, surrogate.run, system.starts(rng, 16), 150)
    program = PolynomialLibrary(3, include_bias=False).program(5)
    samples = Samples(program=program, inputs=np.concatenate([x, x * MIRROR]).T, Y=np.concatenate([u, -u]))
    grid = grid_search(samples, thresholds=POLICY_THRESHOLDS, alphas=POLICY_ALPHAS, ensemble=optimizer())
    return program, grid.coef_lists.reshape(-1, len(program.outputs)), samples.inputs


def searched(rng, system, search, candidates, inputs):
    """Return coefficients that were improved on the surrogate, from the odd part of the mean of the best candidates."""
    from sparsesci.bench.cart_pole import MIRROR

    functions, mirrored = search.program(inputs), search.program(inputs * MIRROR[:, None])
    is_odd = np.abs(functions + mirrored).max(axis=1) < 1e-9
    coef, spread = candidates[:20].mean(axis=0) * is_odd, 0.15 / np.sqrt((functions**2).mean(axis=1))
    return search.improved(rng, coef, lambda rng: system.starts(rng, 6), np.where(coef != 0, spread, 0.0))


def record(n_random=N_RANDOM):
    """Measure everything and return what a record holds."""
    from sparsesci._lib.parallel import thread_limit
    from sparsesci.bench.cart_pole import CartPole
    from sparsesci.bench.path_integral import PathIntegral
    from sparsesci.bench.policy_search import PolicySearch

    rng, system = np.random.default_rng(SEED), CartPole()
    experience = Experience(system)
    x0, seconds, rounds, returns = system.starts(rng, N_STARTS), {}, [], {}

    def timed(name, function, *arguments):
        begin = time.process_time()
        found = function(*arguments)
        seconds[name] = round(seconds.get(name, 0.0) + time.process_time() - begin, 2)
        return found

    with thread_limit(1):
        experience.add(*system.random_steps(rng, n_random // 400, 400))
        found = {"fit": fit_times(experience.transitions)}
        surrogate = timed("fits", experience.surrogate)
        found["equations_of_random_steps"] = surrogate.dynamics.equations()
        for _ in range(N_ROUNDS):
            planner = PathIntegral(value(surrogate.run, system))
            x, u, rewards = timed("rounds", system.run, system.starts(rng, N_EPISODES), planner.policy(rng), N_STEPS)
            rounds.append(told(rewards, x))
            experience.add(x, u, rewards)
            surrogate = timed("fits", experience.surrogate)
        found["rounds"], found["equations"] = rounds, surrogate.dynamics.equations()
        found["reward"] = surrogate.reward.equations()[0]

        rewards, x = (system.random_steps(rng, N_STARTS, N_STEPS)[i] for i in (2, 0))
        planner, oracle = (PathIntegral(value(run, system)) for run in (surrogate.run, system.run))
        returns["random"] = {"true": told(rewards, x)}
        returns["planned on the true dynamics"] = timed(
            "plans on the true dynamics", both, system, system, lambda: oracle.policy(rng), x0
        )
        del returns["planned on the true dynamics"]["surrogate"]
        returns["planned on the surrogate"] = timed("plans", both, system, surrogate, lambda: planner.policy(rng), x0)
        program, candidates, inputs = timed("distillation", candidates_of, rng, system, surrogate, planner)
        search = PolicySearch(program, value(experience.disturbed(rng, surrogate).run, system, N_STEPS))
        estimates = timed("distillation", search.returns, candidates, system.starts(rng, 8)).mean(axis=1)
        candidates, estimates = candidates[np.argsort(-estimates)], np.sort(estimates)[::-1]
        better = timed("search", searched, rng, system, search, candidates, inputs)
        for name, coef in (("distilled", candidates[0]), ("distilled and searched", better)):
            policy = search.policy(coef)
            returns[name] = both(system, surrogate, lambda policy=policy: policy, x0)
            x, _, rewards = system.run(system.starts(rng, N_MANY), policy, N_STEPS)
            returns[name][f"true, {N_MANY} starts"] = told(rewards, x)
            returns[name]["terms"] = int(np.count_nonzero(coef))
            returns[name]["members"] = [uncertainty(experience, part, policy, x0) for part in (1.0, FRACTION)]
        found |= {"returns": returns, "cpu_seconds": seconds, "policy": better.round(4).tolist()}
        found["candidates"] = {
            "number": len(candidates),
            "demonstrations": inputs.shape[1],
            "best": round(float(estimates[0]), 1),
            "median": round(float(np.median(estimates)), 1),
        }
    return {"what": "a cart-pole swung up on a surrogate", "seed": SEED, **provenance(), **found}


if __name__ == "__main__":
    write(record())
