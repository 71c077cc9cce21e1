"""Our own vectors, in the forms of the published ones, named by what was done to them. `python -m tests.vectors` makes
them again; they are made from the definitions of RFC 6962 alone, never with the code they test.
"""
