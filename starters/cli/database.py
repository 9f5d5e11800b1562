"""`runbooks db ...`: the schema of the books."""

import typer

import migrations
from starters.cli.options import session_of
from starters.cli.terminal import say

app = typer.Typer(help="The database of the books.", no_args_is_help=True)


@app.command()
def upgrade(context: typer.Context) -> None:
    """Bring the schema to the newest version; safe to repeat, and two at a time wait for each other.

    \b
    RUNBOOKS_DATABASE_URL=postgresql://... runbooks db upgrade
    """
    url = session_of(context).settings.need("database_url").database_url
    assert url is not None  # noqa: S101 - needed above
    migrations.upgrade(url.get_secret_value())
    say("the schema is up to date")
