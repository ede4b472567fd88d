"""A process that copies itself when its parent asks: the server's end of `auricle.forking`.

It is asked over a socket of its own. A message with a socket is for a copy, whose channel that
socket is; a message with a process id is for its end: only who reaps a process knows that the id
still means it. Copies end with their server, and the server with its parent.
"""

import ctypes
import gc
import os
import select
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
    ends = _Ends()
    server_pid = os.getpid()
    gc.collect()
    gc.freeze()  # the collector would write to every object, and so copy its page
    while True:
        if not ends.or_message(control):
            _reap(copies)
            continue
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
                ends.close()
                control.close()
                die_with_parent(server_pid)
                channel = ChildChannel.on_socket(channel_fd)
                channel.write({"forked": os.getpid()})
                return channel
            copies.add(pid)
            os.close(channel_fd)
        if not fds and PID.unpack(message)[0] in copies:
            os.kill(PID.unpack(message)[0], signal.SIGKILL)


class _Ends:
    """Ends of children, waited for beside messages: a handler would interrupt anything."""

    def __init__(self) -> None:
        self._ended, self._written = socket.socketpair()
        self._ended.setblocking(False)
        self._written.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # a signal that is ignored wakes nobody
        signal.set_wakeup_fd(self._written.fileno(), warn_on_full_buffer=False)

    def or_message(self, control: socket.socket) -> bool:
        """Wait; whether there is a message, after all ends before it."""
        ready, _, _ = select.select([self._ended, control], [], [])
        if self._ended in ready:
            self._ended.recv(4096)
            return False
        return True

    def close(self) -> None:
        """Hear of no ends any more."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._ended.close()
        self._written.close()


def _reap(copies: set[int]) -> None:
    """Let go of copies that have ended."""
    for pid in tuple(copies):
        if os.waitpid(pid, os.WNOHANG)[0] != 0:
            copies.discard(pid)


def _end_all(copies: set[int]) -> None:
    for pid in copies:
        os.kill(pid, signal.SIGKILL)
    for pid in copies:
        os.waitpid(pid, 0)
