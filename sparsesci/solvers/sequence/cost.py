"""What a method costs, as far as it is known, and which one the next system is given to.

Costs are seconds for one right-hand side. A method whose preconditioner is made anew for every matrix costs
``setup / columns + column`` with ``columns`` right-hand sides that share a matrix. One that keeps its preconditioner
for later matrices costs ``stale`` there, more and more as they drift; it is made anew where the next right-hand side
would cost more than the mean since it was made, that making included (the rule of optimal replacement).

The next system goes to the method that is cheapest by what is known, unless another one is worth a trial: unless what
it may save on the systems to come, times the chance that it does, is more than what the trial costs. Before the first
measurement there are beliefs, in units of a product with A; they decide what is tried, and when.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

CHANCE = 0.15  # that a method is as good as is hoped
SLACK = 1.2
SHARE_FOR_TRIALS = 0.06  # of what the whole sequence is expected to cost
FORGETS_AFTER = 100  # systems: what was measured so long ago may have halved since
NEWS, NEWS_OF_A_DRAW = 0.3, 0.15  # weight of the last measurement, and of one that depends on a draw as well
HOPE_RISES = 1.05  # from one draw to the next, until one of them is as lucky
HOLDS = 0.9  # times what the usual method takes: the next best must take less to be the usual one
PATIENCE = 4.0  # times what the next best method would take: then the best one is given up
STALE_PATIENCE = 1.5  # times what making the preconditioner anew would take: then that is done


@dataclass
class Cost:
    """What one method costs.

    Attributes
    ----------
    setup : float
        Making the preconditioner.
    column : float
        A right-hand side with the preconditioner of its own matrix.
    stale : float
        A right-hand side with that of an earlier matrix; infinite for a method that does not keep it.
    hope : float
        What a right-hand side may come down to.
    least : float
        Below which no hope falls before the first measurement, however long ago that was believed.
    learns : float
        By how much a right-hand side may become cheaper in the first systems; 1 for a method that learns nothing.
    n_trials : int
        How often it has been measured.
    rests_until : int
        The number of the system before which it is not tried again, after a failure.
    draws : bool
        Whether each measurement depends on a draw (of omega), and a lucky one tells what to hope for.
    """

    setup: float
    column: float
    stale: float = math.inf
    hope: float = 0.0
    least: float = 0.0
    learns: float = 1.0
    n_trials: int = 0
    rests_until: int = 0
    draws: bool = False
    _n_failed: int = 0
    _last_used: int = 0
    _n_stale: int = 0
    _young: float = math.inf  # the first ``stale`` after the preconditioner was made
    _spent: float = 0.0  # since then, the making included
    _served: int = 0  # right-hand sides since then

    def renewed(self, columns: float) -> float:
        """Return the cost of a right-hand side with a preconditioner that is made now."""
        anew = self.setup / columns + self.column
        return min(anew, self._spent / self._served) if self._served > 1 and self.stale < math.inf else anew

    def next(self, columns: float, *, has: str) -> tuple[float, bool]:
        """Return the cost of the next right-hand side, and whether a preconditioner is to be made for it.

        ``has`` tells which one there is: "none", "own" or "stale".
        """
        if has == "own":
            return self.column, False
        renewed = self.renewed(columns)
        if has == "stale" and self.stale < renewed:
            return self.stale, False
        return renewed, True

    def is_measured(self, columns: float, *, has: str) -> bool:
        """Whether what `next` returns has been measured, and is no belief."""
        is_fresh = has == "own" or self.next(columns, has=has)[1]
        return bool(self.n_trials if is_fresh else self._n_stale)

    def hoped(self, n_systems: int) -> float:
        """Return what a right-hand side may come down to, after this many systems."""
        hope = self.hope
        if self.stale < math.inf:
            hope = min(self.setup + self.column, self._young, self.stale)
        hope *= 0.5 ** ((n_systems - self._last_used) / FORGETS_AFTER)
        return hope if self.n_trials else max(hope, self.least)

    def take_over(self, other: Cost) -> None:
        """Believe what is known of another method with the same preconditioner, as long as that is not old."""
        self.setup, self.column, self.n_trials = other.setup, other.column, other.n_trials
        self._spent, self._served = other._spent, other._served  # or it would pay to make the preconditioner anew

    def learn_setup(self, seconds: float) -> None:
        """Learn what making the preconditioner cost."""
        self.setup = self._spent = seconds
        self._served = 0
        self.stale = min(self.stale, self._young) if math.isfinite(self._young) else self.stale

    def learn_conversion(self, seconds: float) -> None:
        """Learn what it cost to convert the preconditioner for later matrices, which share this too."""
        self._spent += seconds

    @property
    def may_fall_to(self) -> float:
        """What part of its last cost a right-hand side may come down to: the less, the more has been learnt."""
        return self.learns ** (1 / max(1, self.n_trials) ** 2)

    def learn(self, seconds: float, n_columns: int, *, is_own: bool, n_systems: int) -> None:
        """Learn what right-hand sides cost."""
        each, weight = seconds / n_columns, NEWS_OF_A_DRAW if self.draws else NEWS
        if is_own:
            self.column += (each - self.column) * (weight if self.n_trials else 1.0)
        else:
            self._young = each if self._served <= n_columns else self._young
            self.stale = each
            self._n_stale += 1
        self._spent += seconds
        self._served += n_columns
        self.n_trials += 1
        self._n_failed = 0
        self._last_used = n_systems
        hope = self.may_fall_to * each
        self.hope = min(hope, HOPE_RISES * self.hope) if self.draws and self.n_trials > 1 else hope

    def learn_failure(self, seconds: float, *, is_own: bool, n_systems: int) -> None:
        """Learn that this time was spent in vain; a method rests the longer, the more often it fails in a row."""
        self._spent += seconds
        self._last_used = n_systems
        if not is_own:
            self.stale = self._young = 2 * (self.setup + self.column + seconds)
            return
        self.n_trials += 1
        self.column, self.hope = max(self.column, 2 * seconds), max(self.hope, seconds)
        self._n_failed += 1
        self.rests_until = n_systems + 2 ** (self._n_failed + 1)


class Outlook(NamedTuple):
    """What is known of the sequence when a system is given to a method.

    Attributes
    ----------
    n_systems : int
        Systems behind.
    n_left : float
        Systems to come, this one included; where nobody knows, as many as are behind.
    columns : int
        Right-hand sides of this system.
    sharing : float
        Right-hand sides from here on that share its matrix.
    seconds : float
        Spent on the systems behind.
    seconds_of_trials : float
        Of these, on trials that did not pay.
    part : float
        Of the way to a solution that the starting guess leaves: beliefs are about the whole of it.
    usual : str
        The method that was the best known so far: measurements scatter, and it is left for a gain that is clear.
    """

    n_systems: int
    n_left: float
    columns: int
    sharing: float
    seconds: float
    seconds_of_trials: float
    part: float = 1.0
    usual: str = ""


class Choice(NamedTuple):
    """Who solves the next system: its name, the seconds it may spend, and what the best known method would have cost.

    ``instead`` is None where this is the best known method.
    """

    name: str
    seconds: float
    instead: float | None


def choose(costs: Mapping[str, Cost], has: Mapping[str, str], outlook: Outlook) -> Choice:
    """Choose the method for the next system; ``has`` tells of each which preconditioner it has, as for `Cost.next`."""
    n, p = outlook.n_systems, outlook.columns
    awake = [name for name in costs if costs[name].rests_until <= n] or list(costs)
    following = {name: costs[name].next(outlook.sharing, has=has[name]) for name in awake}
    each = {name: seconds for name, (seconds, _) in following.items()}
    known = [name for name in awake if costs[name].n_trials]
    best = min(known or awake, key=each.get)
    if outlook.usual in known and each[best] > HOLDS * each[outlook.usual]:
        best = outlook.usual
    usual = Choice(best, p * patience(best, costs[best], has[best], outlook.sharing, each), None)
    # Before the best is measured nobody knows what a trial may cost.
    if not known or not costs[best].is_measured(outlook.sharing, has=has[best]):
        return usual

    budget = SHARE_FOR_TRIALS * (outlook.seconds + p * each[best] * outlook.n_left) - outlook.seconds_of_trials
    most, choice = 0.0, usual
    for name in awake:
        cost = costs[name]
        hope = cost.hoped(n) * (1.0 if cost.n_trials else outlook.part)
        gain = CHANCE * p * (each[best] - hope) * (outlook.n_left - 1)
        # What takes longer than this cannot become better than the best: there the trial ends.
        limit = SLACK * p * each[best] / cost.may_fall_to
        whole, is_new = following[name]
        setup = cost.setup if is_new else 0.0
        # Of what an iteration takes that was never tried there is no belief to count on: the limit is what it costs.
        is_sure = cost.n_trials or cost.stale < math.inf
        price = setup + (min(outlook.sharing * (whole - each[best]) - setup, limit) if is_sure else limit)
        price = max(price, 0.0)  # one that is cheaper, but not clearly
        if name != best and min(gain, budget) >= price and gain - price > most:
            most, choice = gain - price, Choice(name, limit, p * each[best])
    return choice


def patience(best: str, cost: Cost, has: str, columns: float, each: Mapping[str, float]) -> float:
    """Return the seconds for one right-hand side after which the best method is given up."""
    rivals = [seconds for name, seconds in each.items() if name != best]
    limit = PATIENCE * max(each[best], min(rivals)) if rivals else math.inf
    keeps_on = has == "stale" and not cost.next(columns, has=has)[1]
    return min(limit, STALE_PATIENCE * (cost.setup + cost.column)) if keeps_on else limit
