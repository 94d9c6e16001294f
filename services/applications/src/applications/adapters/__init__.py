"""The outside: database, events, agreements, and the rules that ship as data."""
