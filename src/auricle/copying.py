"""A process that copies itself when its parent asks: the server's end of `auricle.forking`.

It is asked over a socket of its own. A message with a socket is for a copy, whose channel that
socket is; a message with a process id is for its end: only who reaps a process knows that the id
still means it. Copies end with their server, and the server with its parent.
"""

import ctypes
import gc
import os
import signal
import socket
import struct
import sys

from auricle.frames import ChildChannel

COPY = b"copy"
"""A request for a copy."""
PID = struct.Struct("<i")
"""A request for a copy's end: its process id."""
PR_SET_PDEATHSIG = 1


def die_with_parent(parent_pid: int) -> None:
    """Have the kernel end this process with its parent, however busy it is (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it went before the call above
        sys.exit(1)


def serve_forks(fd: int) -> ChildChannel:
    """Copy this process whenever the parent asks; returns in each copy, with its channel.

    In the server itself it does not return: that ends with its parent. What the process has open
    is open in its copies: close before what they must not hold. Threads are not copied.

    Args:
        fd: the socket that `ForkServer.start` named.
    """
    control = socket.socket(fileno=fd)
    copies: set[int] = set()
    signal.signal(signal.SIGCHLD, lambda *_: _reap(copies))
    server_pid = os.getpid()
    gc.collect()
    gc.freeze()  # the collector would write to every object, and so copy its page
    while True:
        message, fds, _, _ = socket.recv_fds(control, 16, maxfds=1)
        if not message:
            _end_all(copies)
            os._exit(0)  # the parent is gone, or wants no more
        for channel_fd in fds:
            try:
                pid = os.fork()
            except OSError:  # no memory for now: whoever asked sees the channel's end
                os.close(channel_fd)
                continue
            if pid == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                control.close()
                die_with_parent(server_pid)
                channel = ChildChannel.on_socket(channel_fd)
                channel.write({"forked": os.getpid()})
                return channel
            copies.add(pid)
            os.close(channel_fd)
            _reap(copies)  # it may have ended before it was known
        if not fds and PID.unpack(message)[0] in copies:
            os.kill(PID.unpack(message)[0], signal.SIGKILL)


def _reap(copies: set[int]) -> None:
    """Take note of copies that have ended."""
    for pid in tuple(copies):
        if os.waitpid(pid, os.WNOHANG)[0] != 0:
            copies.discard(pid)


def _end_all(copies: set[int]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for pid in copies:
        os.kill(pid, signal.SIGKILL)
    for pid in copies:
        os.waitpid(pid, 0)
