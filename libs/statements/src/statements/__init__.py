"""What is signed, hashed or passed between services, each kind defined once (docs/adr/0036).

A module per statement: its model, its canonical JSON, its digest and its strict reader. Whoever
writes one and whoever reads one import it from here, so that they cannot mean two things.
"""
