"""What has a life, led to one of its states by commands alone."""


class Led:
    """One of a kind, led to a state; `move` is the one that it is made ready for."""

    alone = False
    """Whether nothing else may be in its house."""
    besides = frozenset()
    """Codes with which some who may send a command are refused whatever the state is."""

    def __init__(self, house, start, move=None):
        self.service, self.start, self.move = house, start, move
        self.to = start if move is None else move.to
        self.lead()

    @classmethod
    def is_alone(cls, _start, move):
        """Say whether it needs a house of its own, as whatever waits for time to pass does."""
        return cls.alone or (move is not None and move.command is None)

    def makes(self, _role):
        """Say whether this role is one whose command makes the move."""
        return True

    def make_ready(self, _role):
        """Do all that comes before, so that the next command is the last of its kind."""

    def pass_time(self):
        raise NotImplementedError
