"""`python -m everpost` is the `everpost` command."""

from everpost.cli.main import main

main()
