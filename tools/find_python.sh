#!/bin/sh
# Prints the path of a Python ≥ 3.11: $PYTHON if it is set, else the first that runs.
set -u

suits() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

if [ -n "${PYTHON:-}" ]; then
    if suits "$PYTHON"; then
        command -v "$PYTHON"
        exit 0
    fi
    found=$("$PYTHON" --version 2>/dev/null) || found="nothing that runs"
    echo "PYTHON=$PYTHON: found $found, expected a Python ≥ 3.11. Name another one, or leave PYTHON out." >&2
    exit 1
fi

for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do
    if suits "$candidate"; then
        command -v "$candidate"
        exit 0
    fi
done
found=$(python3 --version 2>/dev/null) || found="no python3"
echo "Python: found $found, expected a Python ≥ 3.11. Install one, or name it: make test PYTHON=/path/to/python3.12" >&2
exit 1
