"""Asking for access, from the question with its evidence to the logged answer.

`asking` has questions and answers, `hearing` judges a batch of them in one transaction, `decider`
makes the batches, `dry_run` says what would be answered, `ports` what all of it needs from outside.
"""
