"""Where a claim is measured: the folder of its runs, the user's data sets, the size."""

import dataclasses
from pathlib import Path

from effjax.errors import UserError


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a claim is measured.

    Attributes:
      workdir: of its runs; the same folder continues.
      data: a folder of the user's data sets, as FOLDER of FOLDER/cifar10; None: TFDS has them.
      size: "small" or "gpu".
    """

    workdir: Path
    data: Path | None
    size: str

    def data_set(self, name: str) -> str:
        """What `config.data.name` is for a data set.

        Raises:
          UserError: the folder has no such data set.
        """
        if self.data is None:
            return name
        folder = self.data / name
        if not folder.is_dir():
            raise UserError(
                f"--data={self.data} holds no folder {name}\n"
                f"give the folder in which {name} lies, or prepare it with TFDS and leave it out"
            )
        return str(folder)
