"""Simulation of the planned analysis: power, bias and error rates under stated assumptions, before there are data.

``simulate(protocol, assumptions)`` is the whole of it.  People are drawn (``people``), the plan's questions are answered
by the rules of ``analysis.routing`` over many replications at once (``questions``, ``kernels``), the first replications go
through ``analysis.plan`` itself as a proof (``proof``), and the answers become performance with Monte Carlo errors.
"""

from __future__ import annotations

from analysis.simulation.assumptions import FILE, Assumptions, parse, text_of
from analysis.simulation.drawn import draw
from analysis.simulation.printed import from_protocol, from_reported
from analysis.simulation.simulated import Simulated, simulate
from analysis.simulation.words import HEAD_EFFECT, HEAD_NOTHING, caption, effect_rows, nothing_rows, sentences

__all__ = [
    "FILE", "HEAD_EFFECT", "HEAD_NOTHING", "Assumptions", "Simulated", "caption", "draw", "effect_rows", "from_protocol",
    "from_reported", "nothing_rows", "parse", "sentences", "simulate", "text_of",
]  # fmt: skip
