"""Equations as a paper prints them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

FUNCTIONS = ("sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan", "exp", "log")
GREEK = ("alpha", "beta", "gamma", "delta", "epsilon", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi", "pi", "rho",
         "sigma", "tau", "phi", "chi", "psi", "omega")  # fmt: skip
LARGEST = 1e6  # from here on coefficients are written with a power of ten


def equation(coef: Any, names: Sequence[str], precision: int = 3, *, latex: bool = False) -> str:
    """Return the right-hand side ``coef @ functions``, such as "-10.000 x0 + 10.000 x1"; "0" where no term is left.

    Parameters
    ----------
    coef : array (p,)
        Coefficients, on the host; terms with a zero are left out.
    names : sequence of str
        Names of the p functions; of "1" the coefficient stands alone.
    precision : int
        Decimals. A coefficient of which they would show nothing (0.000), or too much, gets a power of ten.
    latex : bool
        Whether it is to be set by LaTeX.

    Examples
    --------
    >>> from sparsesci.recovery.dynamics.equations import equation
    >>> equation([28.0, 0.0, -1.0, 2e-5], ["x", "1", "x z", "y"], 2)
    '28.00 x - 1.00 x z + 2.00e-05 y'
    """
    text = ""
    for value, name in zip(map(float, coef), names, strict=True):
        if value != 0:
            sign = "-" if value < 0 else "+"
            text += f" {sign} {_term(abs(value), name, precision, latex)}"
    if not text:
        return "0"
    return text[3:] if text.startswith(" + ") else "-" + text[3:]


def latex_name(name: str) -> str:
    r"""Return the name of a function as LaTeX sets it: "x0^2 sin(1 x1)" as ``x_{0}^{2} \sin(x_{1})``."""
    name = re.sub(r"\(1 (?=[A-Za-z])", "(", name)
    name = re.sub(r"\^(-?[\d.]+)", r"^{\1}", name)
    name = re.sub(r"\b([A-Za-z]+)_?(\d*)(?![A-Za-z_])", _latex_word, name)
    return name.replace(" ", r" \, ")


def _term(size: float, name: str, precision: int, latex: bool) -> str:
    number = f"{size:.{precision}f}"
    if float(number) == 0 or LARGEST <= size < float("inf"):
        number = f"{size:.{precision}e}"
        if latex:
            mantissa, exponent = number.split("e")
            number = rf"{mantissa} \times 10^{{{int(exponent)}}}"
    if name == "1":
        return number
    return rf"{number} \, {latex_name(name)}" if latex else f"{number} {name}"


def _latex_word(match: re.Match) -> str:
    word, index = match.groups()
    if word in FUNCTIONS or word in GREEK:
        word = "\\" + word
    elif len(word) > 1:
        word = rf"\mathrm{{{word}}}"
    return word + (f"_{{{index}}}" if index else "")
