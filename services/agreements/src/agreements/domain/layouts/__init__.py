"""The layouts in which reference data come: published files, read into facts. Pure.

A file is taken whole or not at all. What is wrong is said by line and column, without its value.
"""
