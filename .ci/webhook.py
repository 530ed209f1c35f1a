#!/usr/bin/env python3
"""What Alertmanager posts, a line for each alert: receiver, status, name, severity, and what it is about."""
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WRITES = threading.Lock()


class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for alert in body["alerts"]:
            labels, texts = alert["labels"], alert["annotations"]
            about = labels.get("objective") or labels.get("job") or "-"
            words = [self.path.strip("/"), alert["status"], labels["alertname"], labels["severity"], about]
            line = " | ".join([" ".join(words), texts["summary"], texts["description"], texts["dashboard_url"]])
            # Posts come at once, and each line must stay whole.
            with WRITES:
                print(line, flush=True)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


host, port = sys.argv[1].split(":")
ThreadingHTTPServer((host, int(port)), Hook).serve_forever()
