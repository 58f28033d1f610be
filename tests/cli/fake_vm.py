# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""A VM's process as far as `lis` can see it: a control socket with answers.

A FakeVM answers each method from a table: a value is the result, a Failure an
error, a callable is called with the connection and the request and returns
one of these, or SILENT when it has said all there is to say itself.
"""

import json
import os
import socket
import threading

SILENT = object()


class Failure:
    """An answer that is an error."""

    def __init__(self, reason, message, code=-32000):
        self.error = {"code": code, "message": message,
                      "data": {"reason": reason}}


class Connection:
    """One client."""

    def __init__(self, sock):
        self.sock = sock
        self.lock = threading.Lock()

    def send_bytes(self, data):
        """Sends bytes as they are."""
        with self.lock:
            self.sock.sendall(data)

    def send(self, message):
        """Sends one object."""
        self.send_bytes(json.dumps(message).encode() + b"\n")

    def notify(self, method, params):
        """Sends a notification."""
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def answer(self, request, result):
        """Answers a request, with a Failure or a result."""
        message = {"jsonrpc": "2.0", "id": request["id"]}
        if isinstance(result, Failure):
            message["error"] = result.error
        else:
            message["result"] = result
        self.send(message)

    def close(self):
        """Ends the connection as a killed process would."""
        self.sock.shutdown(socket.SHUT_RDWR)


class FakeVM:
    """Listens on NAME.sock in a folder until close()."""

    def __init__(self, folder, name, methods):
        self.path = os.path.join(folder, name + ".sock")
        self.methods = methods
        self.requests = []
        self.ended = threading.Event()  # a client has gone
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(8)
        self.open = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(sock)
            threading.Thread(target=self._serve, args=(Connection(sock),),
                             daemon=True).start()

    def _serve(self, connection):
        try:
            for line in connection.sock.makefile("rb"):
                self._handle(connection, json.loads(line))
        except OSError:
            pass
        connection.sock.close()
        self.ended.set()

    def _handle(self, connection, request):
        assert request["jsonrpc"] == "2.0"
        self.requests.append((request["method"], request.get("params")))
        result = self.methods.get(
            request["method"], Failure("unsupported", "no such method"))
        if callable(result):
            result = result(connection, request)
        if result is not SILENT:
            connection.answer(request, result)

    def close(self):
        """Closes everything, and leaves the socket's file as a kill would."""
        if self.listener.fileno() < 0:
            return
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for sock in self.open:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
