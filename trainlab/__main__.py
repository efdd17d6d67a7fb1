"""`python -m trainlab`."""

from trainlab.cli.app import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
