"""Which method for blocks answers to which name of `sbl`."""

from __future__ import annotations

from collections.abc import Callable

from .block_fast import block_fast
from .block_fixed_points import block_fixed_point
from .block_layout import Blocks
from .fit import Fit
from .fixed_points import RULES
from .model import Model


def block_sbl(
    data: Model,
    blocks: Blocks,
    *,
    method: str,
    noise_var: float | None,
    rtol: float,
    maxiter: int,
    show: Callable | None,
) -> Fit:
    """Return the fit of "fast", or that of a fixed point with the noise and the correlation that "fast" has learned.

    The weights of ``data`` are alike within a block: its columns share a unit, for its entries share a variance.
    """
    given = data.A, data.weights, data.Y, blocks
    options = {"noise_var": noise_var, "rtol": rtol, "maxiter": maxiter}
    if method == "fast":
        return block_fast(*given, **options, show=show)
    learned = block_fast(*given, **options, show=None)
    options |= {"noise_var": learned.noise_var, "correlation": learned.posterior.correlation}
    return block_fixed_point(*given, rule=RULES[method], **options, show=show)
