"""The data sets as data: one immutable YAML file a data set and version."""
