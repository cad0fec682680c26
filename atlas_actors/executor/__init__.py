"""Calls one provider; each attempt ends in the closed set."""
