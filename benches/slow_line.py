"""A line with a delay and a rate, between a client and a server on loopback.

What one side sends arrives after the delay, and no faster than the rate. Of
what is on its way as much is held as such a line would hold, and a little
more; then the sender has to wait.
"""

import multiprocessing
import queue
import socket
import threading
import time

PIECE = 16 * 1024
BESIDES = 256 * 1024


class SlowLine:
    """Listens on a port of loopback for connections to another."""

    def __init__(self, port, delay_ms, mbit):
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self.delay = delay_ms / 1000
        self.rate = mbit * 1e6 / 8 if mbit else None
        # A process of its own: the threads of this one would wait for each other.
        arguments = (listener, port, self.delay, self.rate)
        self.process = multiprocessing.get_context("fork").Process(target=serve, args=arguments, daemon=True)
        self.process.start()
        listener.close()

    def floor(self, size):
        """Seconds that so many bytes take at least; nothing is said of a line without a rate."""
        return size / self.rate if self.rate and size is not None else None

    def stop(self):
        self.process.terminate()
        self.process.join()


def serve(listener, port, delay, rate):
    while True:
        client, _ = listener.accept()
        server = socket.create_connection(("127.0.0.1", port))
        for one, other in ((client, server), (server, client)):
            for end in (one, other):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=carry, args=(one, other, delay, rate), daemon=True).start()


def carry(source, target, delay, rate):
    """One direction of a connection."""
    most = int(delay * rate) + BESIDES if rate else 64 << 20
    on_its_way = queue.Queue(maxsize=max(16, most // PIECE))
    threading.Thread(target=deliver, args=(on_its_way, target), daemon=True).start()
    free = 0.0
    while True:
        try:
            piece = source.recv(PIECE)
        except OSError:
            piece = b""
        now = time.monotonic()
        free = max(free, now) + (len(piece) / rate if rate else 0)
        on_its_way.put((free + delay, piece))
        if not piece:
            return


def deliver(on_its_way, target):
    while True:
        due, piece = on_its_way.get()
        wait = due - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        try:
            if not piece:
                target.shutdown(socket.SHUT_WR)
                return
            target.sendall(piece)
        except OSError:
            return
