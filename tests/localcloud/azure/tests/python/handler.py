#!/usr/bin/env python3
"""A custom handler for tests of the host and of the delivery: keeps every call in a file, and fails as often as it is told.

HANDLER_RECORD names the file. HANDLER_PLAN is JSON: for a function a list of answers, one a call; when they are used up, calls go well.
An answer is a status, or `null`, `text`, `exit` for the ways in which an answer can be none.
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

PLAN = json.loads(os.environ.get("HANDLER_PLAN", "{}"))
LOCK = Lock()


class Handler(BaseHTTPRequestHandler):
    """Answers the Functions host."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments):
        """Says nothing: the file says it all."""

    def answer(self, status, body, content_type="application/json"):
        """Sends an answer."""
        body = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        """Says that the handler is up."""
        self.answer(200, "{}")

    def do_POST(self):
        """Keeps a call and answers as planned."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        function = self.path.lstrip("/")
        with LOCK:
            call = {"function": function, "id": self.headers.get("X-Azure-Functions-InvocationId"), "body": json.loads(body)}
            with open(os.environ["HANDLER_RECORD"], "a", encoding="utf-8") as record:
                record.write(json.dumps(call) + "\n")
            planned = PLAN.get(function) or []
            planned = planned.pop(0) if planned else 200
        if planned == "exit":
            os._exit(3)
        if planned == "null":
            return self.answer(200, "null")
        if planned == "text":
            return self.answer(200, "done", "text/plain")
        self.answer(planned, json.dumps({"Outputs": {}, "Logs": [f"called {function}"], "ReturnValue": None}))


if __name__ == "__main__":
    print("listening", flush=True)
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["FUNCTIONS_CUSTOMHANDLER_PORT"])), Handler).serve_forever()
    sys.exit(0)
