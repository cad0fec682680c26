"""Who is at the other end of a Unix socket: asked from the kernel, not from the peer."""

import socket
import struct
import sys
from typing import Final

_CREDENTIALS: Final = struct.Struct("iII")  # Linux: pid, uid, gid
_XUCRED: Final = struct.Struct("IIh2x16I")  # macOS: version, uid, number of groups, groups
_LOCAL_PEERCRED: Final = 1
_LOCAL_PEERPID: Final = 2


def uid_of(connection: socket.socket) -> int:
    """The uid of the connected process. Raises OSError."""
    if sys.platform == "darwin":
        data = connection.getsockopt(0, _LOCAL_PEERCRED, _XUCRED.size)
        return int(_XUCRED.unpack(data)[1])
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(data)[1])


def pid_of(connection: socket.socket) -> int | None:
    """The pid of the process that has connected; None: the system does not say."""
    if sys.platform == "darwin":
        return connection.getsockopt(0, _LOCAL_PEERPID) or None
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(data)[0]) or None  # 0: of another namespace
