"""Names and addresses as documents print them, kept once: found by the SHA-256 of their JSON, added where they are new."""

from __future__ import annotations

from sqlalchemy import Connection, text

# billing.documents.Party, of a tenant and of a legal entity; jsonb writes equal content the same way.
OF_TENANT = """
    jsonb_build_object(
        'name', tenant.name, 'address', tenant.address, 'country', tenant.country, 'tax_id', tenant.tax_id,
        'email', tenant.billing_email, 'bank_details', null
    )
"""
OF_ENTITY = """
    jsonb_build_object(
        'name', entity.name, 'address', entity.address, 'country', entity.country, 'tax_id', entity.tax_id,
        'email', entity.email, 'bank_details', entity.bank_details
    )
"""


def sha256_in_sql(party: str) -> str:
    """The expression that hashes a party's JSON, of the index's own type: another one would not find its way into it."""
    return f"cast(encode(sha256(convert_to(cast({party} as text), 'UTF8')), 'hex') as char(64))"


def id_in_sql(party: str) -> str:
    """The expression that finds a party's id by its hash, one look into the index each; null while it is not kept."""
    return f"(select kept.party_id from parties as kept where kept.sha256 = {sha256_in_sql(party)})"  # noqa: S608


_ADD_ENTITIES = text(f"""
    insert into parties (sha256, party)
    select {sha256_in_sql(OF_ENTITY)}, {OF_ENTITY} from legal_entities as entity
    on conflict (sha256) do nothing
""")  # noqa: S608 - the expressions above


def add_entities(connection: Connection) -> None:
    """Keep the parties of the legal entities; whoever asks in another statement finds them by their hash."""
    connection.execute(_ADD_ENTITIES)
