"""The tables of the log and the register, one numbered step per file; run only as the owner of the database."""
