"""`packbench contract`: the MQTT contract as AsyncAPI 3.0, or one message of it."""

from __future__ import annotations

import json

import click


@click.command()
@click.option("--message", help="Only this message: its topic, schema and example (job-assign, evt-parcel, ...).")
@click.option("--list", "as_list", is_flag=True, help="One line for each message.")
@click.option("--json", "_as_json", is_flag=True, help="The document is JSON in any case.")
def contract(message: str | None, as_list: bool, _as_json: bool) -> None:
    """Print the MQTT contract: AsyncAPI 3.0 with JSON Schemas made from the code that reads and writes the bytes."""
    from agent.fleet.contract import INSIDE, channels
    from agent.messages.contract import asyncapi

    document = asyncapi(channels(), INSIDE)
    if as_list:
        for name, operation in document["operations"].items():
            click.echo(f"{operation['action']:8s} {document['channels'][name]['address']:42s} {operation['summary']}")
        return
    if message is None:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    found = document["components"]["messages"].get(message)
    if found is None:
        names = ", ".join(document["components"]["messages"])
        raise click.BadParameter(f"there is no message {message!r}; there are {names}.")
    schema = document["components"]["schemas"][found["payload"]["$ref"].rpartition("/")[2]]
    click.echo(json.dumps({"topic": document["channels"][message]["address"], **found, "schema": schema}, indent=2,
                          ensure_ascii=False))
