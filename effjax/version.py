"""Which effjax this is, and the folder that holds it: the checkout, or site-packages."""

from pathlib import Path

VERSION = "0.2.0"
HOME = Path(__file__).parent.parent
