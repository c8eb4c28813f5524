"""The command line's table of contents: a command's file is imported only when the command is called."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping


class LazyGroup(click.Group):
    """A group whose commands are named as `module:attribute` and imported when they are called."""

    def __init__(self, name: str, help: str, table: Mapping[str, tuple[str, str]]) -> None:  # noqa: A002 (click's own word)
        super().__init__(name, help=help)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._table:
            return None
        module, attribute = self._table[cmd_name][0].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, text) for name, (_, text) in self._table.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


# One row a command: where it lives, and its one line of help. `--help` reads this table and imports nothing.
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("agent.cli.station:run", "Run the station; systemd starts this."),
    "watch": ("agent.cli.station:watch", "The packer's screen: what to do now, the weight live."),
    "status": ("agent.cli.station:status", "How the station is: link, devices, parcels, store."),
    "press": ("agent.cli.station:press", "Press the packer's button from here."),
    "demo": ("agent.cli.demo:demo", "A shift in a minute on simulated hardware, with an audit."),
    "endure": ("agent.cli.endure:endure", "Box after box with faults between them, and a report with curves."),
    "bench": ("agent.cli.bench:bench", "Simulate a station's hardware as a process of its own."),
    "hands": ("agent.cli.bench:hands", "Do something at a simulated bench."),
    "scale": ("agent.cli.scale:group", "Watch, record and replay the load cell."),
    "barcode": ("agent.cli.barcode:group", "Read barcodes from pictures."),
    "camera": ("agent.cli.camera:group", "Measure boxes from pictures."),
    "carton": ("agent.cli.carton:group", "Suggest cartons, draw packings, import catalogues."),
    "weights": ("agent.cli.weights:group", "Show, export and reset what was learned of weights."),
    "paper": ("agent.cli.paper:group", "Render slips and labels to pictures."),
    "print": ("agent.cli.print:group", "Ask a label printer, print a test page."),
    "calibrate": ("agent.cli:calibrate", "Calibrate scale or camera; nothing changes until the last yes."),
    "contract": ("agent.cli.contract:contract", "Print the MQTT contract (AsyncAPI 3.0, JSON Schema)."),
    "config": ("agent.cli.config:group", "Sign, push and explain the fleet's configuration."),
    "command": ("agent.cli.command:command", "Ask a station of the fleet to do one thing."),
    "bundle": ("agent.cli.bundle:bundle", "One file for support, without secrets."),
    "provision": ("agent.cli.provision:group", "Give each station a certificate of its own."),
    "store": ("agent.cli.store:group", "Check, salvage and export the station's database."),
    "simulate-fleet": ("agent.cli.fleet_sim:simulate_fleet", "Many light stations on one broker: what a fleet costs."),
    "oms": ("agent.cli.oms:oms", "Run the small reference OMS against a broker and watch the facts."),
    "check": ("agent.cli:check", "Ten-second diagnosis of scale, camera, printer or broker."),
    "init": ("agent.cli.init:init", "Write a first station.toml, by asking or by flags."),
    "doctor": ("agent.cli.doctor:doctor", "What is wrong with this machine as a station, and the mend."),
    "upgrade": ("agent.cli.release:upgrade", "Install a signed release; it goes back by itself if it is not well."),
    "rollback": ("agent.cli.release:rollback", "Go back to the release before this one."),
    "versions": ("agent.cli.release:versions", "The releases on this station."),
}

calibrate = LazyGroup("calibrate", "Calibrate a device; nothing changes until the last yes.", {
    "scale": ("calibration.cli:scale", "Zero, span, corners and repeatability of the load cell."),
    "check-weight": ("calibration.cli_check:check_weight", "Once a shift: one mass, and whether the scale drifts."),
    "camera": ("calibration.cli_camera:camera", "Lens, pose and background of a camera."),
})
check = LazyGroup("check", "Say how a device or the broker is, and what to do about it.", {
    "scale": ("agent.cli.scale:check", "Rate, noise, spikes, ring, and what each means."),
    "camera": ("agent.cli.camera_check:check", "Picture, focus, exposure, and what each means."),
    "printer": ("agent.cli.print:status", "Which printer, which roll, and what keeps it from printing."),
    "broker": ("agent.cli.broker:check", "Which delivery guarantees this broker keeps."),
})
