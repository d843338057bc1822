"""What queueing theory says of a pool of servers."""

from math import exp, lgamma, log

STATES = 2_000
"""More customers than ever stand in line where the formulas are used."""


def erlang_c_wait_s(servers: int, load: float, handle_s: float) -> float:
    """The mean wait of customers who are patient without end; `load` in servers' worth of work."""
    weights = [exp(k * log(load) - lgamma(k + 1)) for k in range(servers + 1)]
    delayed = weights[servers] * servers / (servers - load)
    return delayed / (sum(weights[:servers]) + delayed) * handle_s / (servers - load)


def erlang_a_abandonment(servers: int, load: float, handle_s: float, patience_s: float) -> float:
    """The share that leaves, from the birth-death chain itself."""
    weights = [1.0]
    for state in range(1, STATES):
        leaving = min(state, servers) / handle_s + max(0, state - servers) / patience_s
        weights.append(weights[-1] * load / handle_s / leaving)
    waiting = sum(weight * max(0, state - servers) for state, weight in enumerate(weights)) / sum(weights)
    return waiting / patience_s / (load / handle_s)
