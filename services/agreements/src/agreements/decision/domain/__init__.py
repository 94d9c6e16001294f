"""The decision: one pure function from a question and the facts to yes, or to every reason why not.

`question` says what is asked, `facts` what is known, `clauses` judges one clause type each,
`decide` puts them together, `codes` says what the refusals mean.
"""
