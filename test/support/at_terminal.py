"""Runs a program at a terminal: waits for each prompt, types each answer, prints all that the terminal showed.

Argument 1: JSON list of [text to wait for, what to type]. The rest: the program. Ends with its exit code.
"""
import json, os, pty, select, sys, time

STEP_MAX_S = 60

steps = json.loads(sys.argv[1])
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])

shown = b""
seen = 0


def read_some(limit):
    """False at the end of the program."""
    global shown
    ready, _, _ = select.select([terminal], [], [], limit)
    if not ready:
        return True
    try:
        piece = os.read(terminal, 65536)
    except OSError:
        piece = b""
    shown += piece
    return piece != b""


failure = None
for wanted, typed in steps:
    deadline = time.monotonic() + STEP_MAX_S
    while wanted.encode() not in shown[seen:]:
        if time.monotonic() > deadline or not read_some(1):
            failure = f"did not show: {wanted}"
            break
    if failure:
        break
    seen = shown.index(wanted.encode(), seen) + len(wanted.encode())
    os.write(terminal, typed.encode())

deadline = time.monotonic() + STEP_MAX_S
while failure is None and read_some(1):
    if time.monotonic() > deadline:
        failure = "did not end"
if failure:
    os.kill(pid, 9)
_, status = os.waitpid(pid, 0)
sys.stdout.write(shown.decode(errors="replace"))
if failure:
    sys.stderr.write(failure)
    sys.exit(99)
sys.exit(os.waitstatus_to_exitcode(status))
