"""`python -m molar.app` is the `molar` command."""

from molar.app.cli import main

main(prog_name="molar")
