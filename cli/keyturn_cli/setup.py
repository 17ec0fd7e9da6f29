"""Verbs that come before all others: login, logout, bootstrap."""

import os
import sys
from typing import Annotated

import typer

from keyturn_cli import ask, options, profiles, text
from keyturn_cli.errors import Misused
from keyturn_cli.options import KeyOutput

Stored = Annotated[
    str, typer.Option("--profile", metavar="NAME", envvar="KEYTURN_PROFILE", help="Its name.")
]


def login(
    *,
    profile: Stored = profiles.DEFAULT,
    url: options.Url = None,
    key_stdin: options.KeyStdin = False,
    keyring: Annotated[
        bool, typer.Option(help="Let the system's keyring hold the key, where there is one.")
    ] = True,
) -> None:
    """Try a URL and a key, and store them as a profile."""
    url = url or os.environ.get("KEYTURN_URL") or profiles.url_of(profile)
    if not url and ask.is_there():
        url = ask.line("URL (the stack's output Url):")
    if not url:
        raise Misused("there is no URL", "Give it with --url, and the key with --key-stdin.")
    url = profiles.checked(url)
    if not key_stdin and not ask.is_there():
        raise Misused("there is nobody to ask for the key", "Pipe it, and say --key-stdin.")
    source = "what was given"
    key = text.key(ask.secret(f"Key for {url}"), source)
    from keyturn_cli.api import Api

    with Api(profiles.Server(url, key, source)) as api:
        own = api.own()
    where = profiles.save(profile, url, key, keyring=keyring)
    roles = ", ".join(own.roles) or "no roles"
    sys.stderr.write(
        f"You are {text.plain(own.alias)} ({text.plain(roles)}) at {url}.\n"
        f"The key of the profile {profile} is in {where}.\n"
    )


def logout(*, profile: Stored = profiles.DEFAULT) -> None:
    """Forget a profile; its key goes on working."""
    profiles.remove(profile)
    sys.stderr.write(f"The profile {profile} is gone.\n")


def bootstrap(
    *,
    stack_name: options.StackName = "keyturn",
    region: options.Region = None,
    aws_profile: options.AwsProfile = None,
    alias: Annotated[str, typer.Option(metavar="TEXT", help="What the key is for.")] = "admin",
    yes: options.Yes = False,
    output: options.KeyAs = KeyOutput.KEY,
) -> None:
    """Make the first admin key of a deployed stack.

    Your AWS credentials invoke the stack's create function, so IAM decides whether you may. Should
    the alias have a key, it is renewed, with the role admin.
    """
    from keyturn_cli import bootstrap, stack
    from keyturn_cli.writing import hand_over

    found = stack.find(stack_name, region, aws_profile)
    function = found.function("CreateKeyFunctionArn")
    ask.confirmed(f"Make the admin key {alias!r} with {function.arn}?", yes=yes)
    issued = bootstrap.issue(function, alias)
    hand_over(issued, output, "Renewed: the alias had a key." if issued.renewed else "Created.")
    if "Url" in found.outputs:
        sys.stderr.write(f"\nNext: keyturn login --url {text.plain(found.outputs['Url'])}\n")
