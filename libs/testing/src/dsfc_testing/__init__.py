"""What tests of every service need: a clock to turn, databases, brokers, tokens.

Real parts wherever one can be started; fakes only for what no test may wait for.
"""
