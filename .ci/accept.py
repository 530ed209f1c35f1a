"""Asks a server for its metrics in the format that the path names: /text or /openmetrics."""
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import Request, urlopen

ACCEPT = {
    "/text": "text/plain;version=0.0.4",
    "/openmetrics": "application/openmetrics-text;version=1.0.0",
}


class Proxy(BaseHTTPRequestHandler):
    def do_GET(self):
        asked = Request(f"http://{sys.argv[2]}/metrics", headers={"Accept": ACCEPT[self.path]})
        with urlopen(asked, timeout=5) as answer:
            body, kind = answer.read(), answer.headers["Content-Type"]
        print(self.path[1:], kind, flush=True)
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


host, port = sys.argv[1].split(":")
ThreadingHTTPServer((host, int(port)), Proxy).serve_forever()
