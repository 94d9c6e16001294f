"""DARS: applications, the 20 Standards, review and decision."""
