"""`runbooks db ...`: the schema of the books."""

from datetime import UTC, datetime

import typer

import migrations
from adapters.postgres.engine import open_engine
from adapters.postgres.partitions import make_months_ahead
from billing.wording import counted
from starters.cli.options import session_of
from starters.cli.terminal import say

app = typer.Typer(help="The database of the books.", no_args_is_help=True)


@app.command()
def upgrade(context: typer.Context) -> None:
    """Bring the schema up to date and make months ahead.

    It is safe to repeat, and two at a time wait for each other. Run it at every deployment and at least once a
    quarter: usage of a month without a partition is refused.

    \b
    RUNBOOKS_DATABASE_URL=postgresql://... runbooks db upgrade
    """
    url = session_of(context).settings.need("database_url").database_url
    assert url is not None  # noqa: S101 - needed above
    migrations.upgrade(url.get_secret_value())
    engine = open_engine(url.get_secret_value(), application="upgrade")
    try:
        made = make_months_ahead(engine, datetime.now(UTC).date())
    finally:
        engine.dispose()
    say(f"the schema is up to date, {counted(made, 'partition')} made for the months ahead")
