"""The customers of the sample data: invented companies of every tier, currency and part of the world."""

from __future__ import annotations

from billing.tenants import Tenant, Tier

_ENTERPRISE = """
    quillmere     | Quillmere Analytics     | USD | America/Los_Angeles | US | en-US
    tarnwick      | Tarnwick Freight        | USD | Europe/London       | GB | en-GB
    ostrafell     | Ostrafell Robotics      | USD | America/Denver      | US | en-US
    kumosora      | Kumosora Systems        | JPY | Asia/Tokyo          | JP | ja-JP
    pellingrove   | Pellingrove Assurance   | EUR | Europe/Berlin       | DE | de-DE
    haverquist    | Haverquist Laboratories | USD | America/New_York    | US | en-US
    lumenthorpe   | Lumenthorpe Media       | EUR | Europe/Dublin       | IE | en-IE
    suryakosh     | Suryakosh Finance       | USD | Asia/Kolkata        | IN | en-IN
"""

_PRO = """
    brackenfield  | Brackenfield Voice      | USD | America/Los_Angeles | US | en-US
    feldmarkt     | Feldmarkt Software      | EUR | Europe/Berlin       | DE | de-DE
    ravelstone    | Ravelstone Commerce     | USD | America/Chicago     | US | en-US
    dunmorrow     | Dunmorrow Health        | USD | America/New_York    | US | en-US
    coppervane    | Coppervane Games        | USD | America/New_York    | US | en-US
    velliano      | Velliano Tessuti        | EUR | Europe/Rome         | IT | it-IT
    grauwald      | Grauwald Maschinen      | EUR | Europe/Berlin       | DE | de-DE
    aonami        | Aonami Robotics         | JPY | Asia/Tokyo          | JP | ja-JP
    tsukihara     | Tsukihara Logistics     | JPY | Asia/Tokyo          | JP | ja-JP
    vandrani      | Vandrani Textiles       | USD | Asia/Kolkata        | IN | en-IN
    montclavier   | Montclavier Conseil     | EUR | Europe/Paris        | FR | fr-FR
    islaverde     | Islaverde Viajes        | EUR | Europe/Madrid       | ES | es-ES
    birchhollow   | Birchhollow Learning    | USD | America/Denver      | US | en-US
    northfen      | Northfen Energy         | USD | Europe/London       | GB | en-GB
    kestrelbay    | Kestrelbay Marine       | USD | America/Vancouver   | CA | en-CA
"""

_FREE = """
    pinewhistle   | Pinewhistle Studio      | USD | America/Los_Angeles | US | en-US
    amberlily     | Amberlily Florists      | USD | America/Chicago     | US | en-US
    odenbruck     | Odenbruck Sportverein   | EUR | Europe/Berlin       | DE | de-DE
    ostermoor     | Ostermoor Imkerei       | EUR | Europe/Berlin       | DE | de-DE
    radgasse      | Radgasse Kurier         | EUR | Europe/Vienna       | AT | de-AT
    polderzicht   | Polderzicht Kaarten     | EUR | Europe/Amsterdam    | NL | nl-NL
    lunaria       | Casa Lunaria            | EUR | Europe/Madrid       | ES | es-ES
    wrenhollow    | Wrenhollow Books        | USD | Europe/London       | GB | en-GB
    fjellvind     | Fjellvind Weather       | USD | Europe/Oslo         | NO | nb-NO
    hinatamachi   | Hinatamachi Notes       | JPY | Asia/Tokyo          | JP | ja-JP
    vidyapath     | Vidyapath Tutors        | USD | Asia/Kolkata        | IN | en-IN
"""


def _tenants(tier: Tier, table: str) -> list[Tenant]:
    rows = [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]
    return [
        Tenant(
            tenant_id=tenant_id,
            name=name,
            tier=tier,
            currency=currency,
            zone=zone,
            country=country,
            locale=locale,
            billing_email=f"billing@{tenant_id}.example",
        )
        for tenant_id, name, currency, zone, country, locale in rows
    ]


# The order is the order of invoice numbers.
ROSTER: tuple[Tenant, ...] = (
    *_tenants(Tier.ENTERPRISE, _ENTERPRISE),
    *_tenants(Tier.PRO, _PRO),
    *_tenants(Tier.FREE, _FREE),
)

TENANTS: dict[str, Tenant] = {tenant.tenant_id: tenant for tenant in ROSTER}
