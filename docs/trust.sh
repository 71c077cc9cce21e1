# Catch an administrator who rewrites an entry, its hash, the tree, and signs it all anew.
# The demo service runs (make run), and somebody has worked with it:
.venv/bin/mandate demo

# 1. Anybody keeps three lines of the log. No token is needed, and a sheet of paper will do: every printed letter has them.
curl -s "${MANDATE_BASE_URL:-http://127.0.0.1:8080}/log/checkpoint" | head -3 | tee kept.txt

# 2. The administrator has the database and the signing key. He makes somebody else responsible for an edit.
.venv/bin/python -m bench.intruder

# 3. Inside, everything fits again. A log that only its operator can vouch for ends here.
.venv/bin/mandate fsck

# 4. Whoever kept the three lines is not fooled, neither at the database nor from outside.
.venv/bin/mandate fsck --checkpoint kept.txt                                                        # FORK
.venv/bin/mandate verify --paper --url "${MANDATE_BASE_URL:-http://127.0.0.1:8080}" < kept.txt     # FORK
