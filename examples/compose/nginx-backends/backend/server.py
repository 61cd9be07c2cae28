"""Says which colour it has and who asked."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Colour(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(
            {"colour": os.environ["COLOUR"], "asked": self.path, "by": self.headers.get("X-Forwarded-For")}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("", 8000), Colour)
    print("listening on port 8000")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("stopped")
