"""What scripts/hook does: reads the payload, asks the daemon, prints the answer whole or nothing.

Modules in C only, no JSON, no tidying up at the end: it is done in a millisecond.
"""

import _signal
import _socket
import posix
import sys
import time

BEGAN_MS = time.time_ns() // 1_000_000
DEADLINE_S_MAX = 600.0
STDIN_BYTES_MAX = 67_108_864
ANSWER_BYTES_MAX = 262_144
SOCKET_PATH_BYTES_MAX = 100  # as in atlas_actors/home.py
FIELD_BYTES_MAX = 4_096
# All that is told of the environment: nothing that may hold a key.
FIELDS = (
    b"CLAUDE_PROJECT_DIR",
    b"CLAUDE_CODE_SESSION_ID",
    b"CLAUDE_CODE_ENTRYPOINT",
    b"CODEX_HOME",
    b"GEMINI_PROJECT_DIR",
    b"GEMINI_SESSION_ID",
)


class Call:
    """What is known of this call so far: the alarm may end it at any time."""

    client = event = ""
    home = b""
    deadline_s = 1.0
    autostart = tell = refused = answered = False
    payload = bytearray()


def main(words):
    """Ask and print. It never returns."""
    try:
        read_words(iter(words))
        _signal.signal(_signal.SIGALRM, give_up)
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, (_signal.SIGALRM,))
        # Again and again: one that comes just before a call blocks would not interrupt it.
        _signal.setitimer(_signal.ITIMER_REAL, Call.deadline_s, 0.01)
        # To its end whatever follows: a client may take a broken pipe for a failure.
        while piece := posix.read(0, 1_048_576):
            Call.payload += piece
            if len(Call.payload) > STDIN_BYTES_MAX:
                give_up()
        answer = ask()
        Call.answered = True
        while answer:
            answer = answer[posix.write(1, answer) :]
    except BaseException:  # whatever it is, it is no reason to stand in the client's way
        give_up()
    posix._exit(0)


def give_up(*_):
    """End without an answer, or with what is printed already."""
    code = 0
    try:
        _signal.setitimer(_signal.ITIMER_REAL, 0)  # nothing waits from here on
        closed = home() + b"/hooks-closed"
        starts = Call.autostart and Call.refused
        if not Call.answered and (starts or posix.access(closed, posix.R_OK)):
            import hook_unanswered

            code = hook_unanswered.end(Call, home(), closed, read_file)
    except BaseException:
        code = 0
    posix._exit(code)


def read_words(words):
    """The words of the command line; what is wrong with them is left out."""
    for word in words:
        if word == "--autostart":
            Call.autostart = True
        elif word == "--tell":
            Call.tell = True
        elif word == "--home":
            Call.home = next(words, "").encode("utf-8", "surrogateescape")
        elif word == "--deadline":
            given_s = next(words, "")
            if given_s.replace(".", "", 1).isdecimal() and 0 < float(given_s) <= DEADLINE_S_MAX:
                Call.deadline_s = float(given_s)
        elif not Call.client:
            Call.client = word
        elif not Call.event:
            Call.event = word


def home():
    """--home, $ATLAS_HOME or ~/.atlas, absolute, as bytes."""
    path = Call.home or posix.environ.get(b"ATLAS_HOME") or b"~/.atlas"
    if path == b"~" or path.startswith(b"~/"):
        own = posix.environ.get(b"HOME")
        path = (own or __import__("pwd").getpwuid(posix.getuid()).pw_dir.encode()) + path[1:]
    return path if path.startswith(b"/") else posix.getcwdb() + b"/" + path


def ask():
    """The daemon's answer, b"" of what is only told; without one it gives up or raises."""
    door = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    path = home() + b"/atlas.sock"
    try:
        if len(path) > SOCKET_PATH_BYTES_MAX:
            path = read_file(home() + b"/socket-path", 4_096).strip()
        door.connect(path)
    except (FileNotFoundError, ConnectionRefusedError):
        Call.refused = True
        raise
    if hasattr(_socket, "SO_PEERCRED"):
        peer = door.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
        if int.from_bytes(peer[4:8], sys.byteorder) != posix.getuid():
            give_up()  # somebody else's: it is told nothing
    door.sendall(line())  # whole, or the alarm comes
    return b"" if Call.tell else receive(door)


def line():
    """One line: the call, known variables, the payload."""
    words = [
        b"hook",
        Call.client.encode(),
        b"%d" % max(1, Call.deadline_s * 1000),
        b"%d" % BEGAN_MS,
        Call.event.encode(),
    ]
    if Call.tell:
        words.append(b"tell")
    for name in FIELDS:
        value = posix.environ.get(name)
        if value and len(value) <= FIELD_BYTES_MAX and min(value) >= 32:
            words.append(name + b"=" + value)
    # JSON has line feeds only between its tokens.
    return b"%b\x1e%b\n" % (b"\x1f".join(words), Call.payload.replace(b"\n", b" "))


def receive(door):
    """An answer that came whole: its length in plain digits, a line feed, so many bytes."""
    data, wanted = b"", None
    while wanted is None or len(data) < wanted:
        piece = door.recv(65_536)
        data += piece
        if wanted is None and (b"\n" in data or len(data) > 6):
            digits, _, data = data.partition(b"\n")
            wanted = int(digits) if digits.isdigit() and len(digits) < 7 else ANSWER_BYTES_MAX + 1
        if not piece or (wanted or 0) > ANSWER_BYTES_MAX:
            give_up()
    if len(data) > wanted:
        give_up()
    return data


def read_file(path, bytes_max):
    """The beginning of a file; a pipe in its place is not waited for. Raises OSError."""
    file = posix.open(path, posix.O_RDONLY | posix.O_NONBLOCK | posix.O_CLOEXEC)
    data = b""
    while len(data) < bytes_max and (piece := posix.read(file, bytes_max)):
        data += piece
    posix.close(file)
    return data
