"""Accounts of the simulated venue: what they have, what they order, and what they are told of it.

Each part keeps one thing. `amounts` and `commission` know numbers and every rounding, `ledger` and `positions` what an
account has, `orders` what it ordered; `floor` is the one place where its orders meet the matching engine. `spot` and
`futures` are the two kinds of desk; `venue_accounts` puts them together for `sandbox.simulation.source`.
"""
