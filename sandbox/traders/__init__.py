"""Traders without a mind: robots that trade for the accounts of a simulated exchange over its signed REST interface.

`client` signs and asks, `desk` lets a robot for each account and market place orders until there are enough.
"""
