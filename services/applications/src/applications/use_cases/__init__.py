"""Everything one can do here: one function a verb, one transaction each."""
