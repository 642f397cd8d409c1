"""`python -m everpost` is the `everpost` command."""

from everpost.cli.main import main

# The web server's children import this module again where processes are spawned and not forked.
if __name__ == "__main__":
    main()
