"""A TPU VM's metadata server is asked, and one that is not there is no error."""

import http.server
import threading

from effjax.devices.metadata import ask_tpu


class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        known = self.path.endswith("/instance/attributes/agent-worker-number")
        allowed = self.headers["Metadata-Flavor"] == "Google"
        self.send_response(200 if known and allowed else 404)
        self.end_headers()
        self.wfile.write(b"3")

    def log_message(self, *_):
        """Nothing."""


def test_an_attribute_is_read(monkeypatch):
    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        monkeypatch.setenv("GCE_METADATA_IP", f"127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert ask_tpu("agent-worker-number") == "3"
        assert ask_tpu("no-such-attribute") is None
        server.shutdown()
    assert ask_tpu("agent-worker-number") is None  # nobody listens any more
