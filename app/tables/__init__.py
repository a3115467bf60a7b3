"""The graph as tidy tables, for people who live in pandas, R or SQL.

`columns` says which tables and columns there are, `rows` reads them out of a published generation, `export` writes them
to a folder, and `reference` writes the list of columns in docs/tables.md.
"""
