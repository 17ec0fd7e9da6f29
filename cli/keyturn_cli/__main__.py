"""`python -m keyturn_cli`."""

from keyturn_cli.app import main

main()
