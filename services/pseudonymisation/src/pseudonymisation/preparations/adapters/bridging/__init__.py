"""Pairs of tokens of two pseudonym domains, for people who are in both."""
