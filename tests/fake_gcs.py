"""A Google Cloud Storage on this machine's loopback: as much of its JSON API as we use.

    with FakeGcs() as gcs:
        environment |= gcs.environment      # gcsfs, google-cloud-storage and tensorstore go there
        gcs.objects["bucket/run/a.txt"]     # bytes

Any bucket exists but one called `nowhere`. As in the real one, objects are whole, nothing can be
appended to, and there are no folders.
"""

import base64
import email
import hashlib
import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit

OBJECT = re.compile(r"(?:/download)?/storage/v1/b/([^/]+)/o/([^/]+)")
COPY = re.compile(r"/storage/v1/b/([^/]+)/o/([^/]+)/(?:rewriteTo|copyTo)/b/([^/]+)/o/([^/]+)")
MOVE = re.compile(r"/storage/v1/b/([^/]+)/o/([^/]+)/moveTo/o/([^/]+)")
LIST = re.compile(r"/storage/v1/b/([^/]+)/o")
BUCKET = re.compile(r"/storage/v1/b/([^/]+)")
UPLOAD = re.compile(r"/upload/storage/v1/b/([^/]+)/o")
TIME = "2026-11-21T12:00:00.000Z"


class FakeGcs:
    """The service.

    Attributes:
      away_after: when a request names this, it and the two after it are answered with 503.
      objects: {"bucket/name": bytes}.
      requests: "METHOD path" of all that were made.
    """

    def __init__(self):
        self.objects: dict[str, bytes] = {}
        self.generations: dict[str, int] = {}
        self.uploads: dict[str, tuple[str, bytearray]] = {}
        self.requests: list[str] = []
        self.away_after: str | None = None
        self.failing = 0
        self.lock = threading.RLock()

    def __enter__(self):
        handler = type("Handler", (_Handler,), {"gcs": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def environment(self):
        """What sends the clients here."""
        return {
            "STORAGE_EMULATOR_HOST": self.url,
            "TENSORSTORE_GCS_HTTP_URL": self.url,
            "GOOGLE_CLOUD_PROJECT": "effjax-test",
            "NO_GCE_CHECK": "true",
            "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",  # asks past the emulator
        }

    def names(self, prefix=""):
        """Names of objects, bucket first, without the prefix."""
        return sorted(k.removeprefix(prefix) for k in self.objects if k.startswith(prefix))

    def put(self, key, data):
        with self.lock:
            self.objects[key] = data
            self.generations[key] = max(self.generations.values(), default=1000) + 1
            return self.about(key)

    def about(self, key):
        """The resource of an object."""
        bucket, _, name = key.partition("/")
        data, generation = self.objects[key], str(self.generations[key])
        return {
            "kind": "storage#object",
            "id": f"{key}/{generation}",
            "name": name,
            "bucket": bucket,
            "size": str(len(data)),
            "generation": generation,
            "metageneration": "1",
            "etag": generation,
            "contentType": "application/octet-stream",
            "storageClass": "STANDARD",
            "md5Hash": base64.b64encode(hashlib.md5(data).digest()).decode(),
            "timeCreated": TIME,
            "updated": TIME,
            "mediaLink": f"{self.url}/download/storage/v1/b/{bucket}/o/{quote(name, '')}?alt=media",
        }


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that has gone away, perhaps killed, is no error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gcs: FakeGcs

    def log_message(self, *_):
        """Nothing is said."""

    # --------------------------------------------------------------------------------- plumbing

    def answer(self, status, content=b"", **headers):
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def refuse(self, status, text):
        self.answer(status, {"error": {"code": status, "message": text, "errors": []}})

    def body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def serve(self):
        split = urlsplit(self.path)
        path, data = split.path, self.body()
        query = {k: v[0] for k, v in parse_qs(split.query, keep_blank_values=True).items()}
        with self.gcs.lock:
            self.gcs.requests.append(f"{self.command} {path}")
            if self.gcs.away_after and self.gcs.away_after in self.path:
                self.gcs.away_after, self.gcs.failing = None, 3
            if self.gcs.failing > 0:
                self.gcs.failing -= 1
                self.refuse(503, "the service is away")
                return
            for pattern, method in (
                (UPLOAD, self.upload),
                (COPY, self.copy),
                (MOVE, self.move),
                (OBJECT, self.object),
                (LIST, self.list),
                (BUCKET, self.bucket),
            ):
                if found := pattern.fullmatch(path):
                    method(query, data, *map(unquote, found.groups()))
                    return
        self.refuse(404, f"nothing is at {path}")

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = serve

    def stale(self, query, key):
        """Whether a condition on the generation does not hold."""
        there = str(self.gcs.generations.get(key, 0) if key in self.gcs.objects else 0)
        wanted, unwanted = query.get("ifGenerationMatch"), query.get("ifGenerationNotMatch")
        return (wanted is not None and wanted != there) or unwanted == there

    # ---------------------------------------------------------------------------------- the API

    def bucket(self, query, data, bucket):
        if bucket == "nowhere":
            self.refuse(404, "The specified bucket does not exist.")
        else:
            about = {"kind": "storage#bucket", "id": bucket, "name": bucket, "timeCreated": TIME}
            self.answer(200, about | {"updated": TIME, "location": "US", "metageneration": "1"})

    def list(self, query, data, bucket):
        if bucket == "nowhere":
            self.refuse(404, "The specified bucket does not exist.")
            return
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
        items, prefixes = [], set()
        for key in sorted(self.gcs.objects):
            where, _, name = key.partition("/")
            if where != bucket or not name.startswith(prefix):
                continue
            if not query.get("startOffset", "") <= name < query.get("endOffset", "\U0010ffff"):
                continue
            rest = name[len(prefix) :]
            if delimiter and delimiter in rest:
                prefixes.add(prefix + rest.partition(delimiter)[0] + delimiter)
            else:
                items.append(self.gcs.about(key))
        answer = {"kind": "storage#objects"}
        self.answer(200, answer | ({"items": items} if items else {}) | {"prefixes": [*prefixes]})

    def object(self, query, data, bucket, name):
        key = f"{bucket}/{name}"
        if self.command in ("GET", "HEAD", "DELETE") and key not in self.gcs.objects:
            self.refuse(404, f"No such object: {key}")
        elif self.stale(query, key):
            # 304 comes without a body
            self.answer(304) if "ifGenerationNotMatch" in query else self.refuse(412, "stale")
        elif self.command == "DELETE":
            del self.gcs.objects[key]
            self.answer(204)
        elif query.get("alt") == "media":
            self.media(key)
        else:
            self.answer(200, self.gcs.about(key))

    def media(self, key):
        data = self.gcs.objects[key]
        headers = {
            "x_goog_generation": str(self.gcs.generations[key]),
            "x_goog_stored_content_length": str(len(data)),
            "Content_Type": "application/octet-stream",
        }
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if asked is None:
            self.answer(200, data, **headers)
            return
        first, last = asked.groups()
        begin = int(first) if first else max(0, len(data) - int(last))
        end = min(int(last) + 1, len(data)) if first and last else len(data)
        if begin >= end:
            self.answer(416, b"", Content_Range=f"bytes */{len(data)}")
            return
        headers["Content_Range"] = f"bytes {begin}-{end - 1}/{len(data)}"
        self.answer(206, data[begin:end], **headers)

    def upload(self, query, data, bucket):
        if bucket == "nowhere":
            self.refuse(404, "The specified bucket does not exist.")
            return
        kind, name = query.get("uploadType"), query.get("name")
        if kind == "multipart":
            head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
            about, content = email.message_from_bytes(head + data).get_payload()
            name = json.loads(about.get_payload())["name"]
            data = content.get_payload(decode=True)
        elif kind == "resumable":
            self.resumable(query, data, bucket, name)
            return
        self.store(query, f"{bucket}/{name}", data)

    def store(self, query, key, data):
        if self.stale(query, key):
            self.refuse(412, "stale")
        else:
            self.answer(200, self.gcs.put(key, data))

    def resumable(self, query, data, bucket, name):
        uploads, upload = self.gcs.uploads, query.get("upload_id")
        if upload is None:
            name = name or json.loads(data)["name"]
            upload = f"u{len(uploads)}"
            uploads[upload] = f"{bucket}/{name}", bytearray()
            place = f"{self.gcs.url}/upload/storage/v1/b/{bucket}/o"
            self.answer(200, b"", Location=f"{place}?uploadType=resumable&upload_id={upload}")
            return
        key, received = uploads[upload]
        received += data
        total = self.headers.get("Content-Range", "*/0").rpartition("/")[2]
        if total.isdigit() and len(received) >= int(total):
            self.answer(200, self.gcs.put(key, bytes(received)))
        else:
            self.answer(308, b"", Range=f"bytes=0-{len(received) - 1}")

    def copy(self, query, data, bucket, name, to_bucket, to_name):
        source = f"{bucket}/{name}"
        if source not in self.gcs.objects:
            self.refuse(404, f"No such object: {source}")
            return
        made = self.gcs.put(f"{to_bucket}/{to_name}", self.gcs.objects[source])
        done = {"done": True, "resource": made, "objectSize": made["size"]}
        sizes = {"totalBytesRewritten": made["size"]}
        self.answer(200, made if "copyTo" in self.path else done | sizes)

    def move(self, query, data, bucket, name, to_name):
        source = f"{bucket}/{name}"
        if source not in self.gcs.objects:
            self.refuse(404, f"No such object: {source}")
        else:
            self.answer(200, self.gcs.put(f"{bucket}/{to_name}", self.gcs.objects.pop(source)))
