#!/usr/bin/env bash
# sqlglot 30.30.0: a dialect that is first named in several threads at once can fail with
# "NameError: name '_TrinoTokenizer' is not defined". A name makes sqlglot import the dialect's
# module; the class registers itself when its body has run, and another thread takes it from the
# registry while the module's helpers, defined below the class, don't exist yet.
#
# Below, a trace function holds the import in one thread right after the class, and another thread
# uses the name meanwhile. To avoid it, import the dialect's class before threads start:
# from sqlglot.dialects import Athena.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'sqlglot==30.30.0'
cat >"$folder/threads.py" <<'PY'
import sys
import threading

import sqlglot

registered, go_on = threading.Event(), threading.Event()


def hold(frame, event, argument):
    if not frame.f_code.co_filename.endswith("athena.py") or frame.f_code.co_name != "<module>":
        return None
    if event == "line" and "Athena" in frame.f_globals and not registered.is_set():
        registered.set()
        go_on.wait(timeout=60)
    return hold


def first():
    sys.settrace(hold)
    print("first thread:", sqlglot.parse_one("SELECT 1", read="athena").sql())


thread = threading.Thread(target=first)
thread.start()
assert registered.wait(timeout=60)
try:
    print("second thread:", sqlglot.parse_one("SELECT 1", read="athena").sql())
except NameError as error:
    print("second thread:", type(error).__name__, error)
go_on.set()
thread.join()
print("afterwards:", sqlglot.parse_one("SELECT 1", read="athena").sql())
PY
"$folder/venv/bin/python" "$folder/threads.py" >"$folder/output"
cat "$folder/output"
diff "$folder/output" - <<'EXPECTED'
second thread: NameError name '_TrinoTokenizer' is not defined
first thread: SELECT 1
afterwards: SELECT 1
EXPECTED
