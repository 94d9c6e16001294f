"""Deciding about access, from the question with its evidence to the logged answer.

`asking` has questions and answers. `decider` gathers what waits and decides it in one transaction:
`decide_request`, `decide_release` and `decide_fetch`, over what `decision_batch` reads and writes.
`dry_run` says what would be answered; `ports` is what all of it needs from outside.
"""
