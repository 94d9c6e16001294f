"""One function a verb, one transaction each; called alike from HTTP, events and workers."""
