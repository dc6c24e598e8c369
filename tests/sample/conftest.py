from tests.tasks.diffusion.conftest import trained_run

__all__ = ["trained_run"]
