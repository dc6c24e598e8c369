"""What the metadata server of a Cloud TPU VM says of the VM."""

import os
import urllib.error
import urllib.request
from pathlib import Path

ANSWER_SECONDS = 3


def on_tpu_vm() -> bool:
    """Whether this is a Cloud TPU VM that has a metadata server to ask."""
    # older TPU VMs; newer ones show their chips through vfio, as other devices do
    if Path("/dev/accel0").exists():
        return True
    return Path("/dev/vfio/0").exists() and "TPU_SKIP_MDS_QUERY" not in os.environ


def ask_tpu(attribute: str) -> str | None:
    """The value of a metadata attribute of the VM; None where nothing answers."""
    server = os.environ.get("GCE_METADATA_IP", "metadata.google.internal")
    # without this header the server refuses, so that no web page can ask it
    request = urllib.request.Request(
        f"http://{server}/computeMetadata/v1/instance/attributes/{attribute}",
        headers={"Metadata-Flavor": "Google"},
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
            return answer.read().decode()
    except (urllib.error.URLError, OSError):
        return None
