"""The layouts in which reference data come: published files, read into facts. Pure.

Lines of no use here are left out, counted and named by line and column, without their values; a
file that contradicts itself is refused whole (`reading`).
"""
