"""`python -m effjax.cli` is `effjax`."""

from effjax.cli import main

if __name__ == "__main__":
    main()
