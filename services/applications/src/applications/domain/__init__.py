"""What an application is, who may move it along, and what a machine can tell of it. Pure."""
