"""`python -m effjax`, and `effjax`."""

from effjax.startup import tune_malloc


def main() -> None:
    """Runs the command that was typed."""
    tune_malloc()  # first: it starts the process anew, and imports would be made twice
    from effjax.cli import main as run

    run()


if __name__ == "__main__":
    main()
