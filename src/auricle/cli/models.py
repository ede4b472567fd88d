"""`auricle models`: list the model table, fetch weights, verify them."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from auricle import settings
from auricle.errors import WeightsError
from auricle.settings import Settings
from auricle.weights.progress import progress_for, readable_bytes
from auricle.weights.row import ModelRow
from auricle.weights.store import ModelStore, Verification
from auricle.weights.table import VAD_MODEL, ModelTable, companion_of


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its three actions."""
    parser = subparsers.add_parser("models", help="list, fetch and verify model weights")
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|pull|verify")
    for name, run, text in (
        ("list", _list, "the model table, and what of it is in the cache"),
        ("pull", _pull, "fetch weights into the cache"),
        ("verify", _verify, "hash the weights at hand and compare"),
    ):
        action = actions.add_parser(name, help=text, description=text.capitalize() + ".")
        if name != "list":
            action.add_argument(
                "names",
                nargs="*",
                metavar="NAME",
                help="id or alias, or hub:owner/name; default: what the server needs"
                + (", and all else that is cached" if name == "verify" else ""),
            )
        action.add_argument("--json", action="store_true", help="print JSON")
        action.set_defaults(run=run)


class _Context:
    """The table, the store and the configured model, as the settings say."""

    def __init__(self) -> None:
        values: Settings = settings.load()[0]
        self.table = ModelTable.load(values.model_table)
        self.store = ModelStore(values.cache_dir, values.weight_sources, values.weights_dir)
        self._engine = values.engine
        self.served = self.table.served(values.model, values.models, values.engine)
        self.configured = self.served[0]

    def needed(self) -> list[ModelRow]:
        """What a server with these settings loads."""
        vad = self.table.find(VAD_MODEL)
        companion = companion_of(self.table, self.served, self._engine)
        local = [row for row in self.served if not row.is_remote]
        found = {row.id: row for row in (*local, companion, vad) if row is not None}
        return list(found.values())

    def named(self, names: Sequence[str]) -> list[ModelRow]:
        """The rows of names given on the command line.

        Raises:
            SettingsError: there is no such model.
        """
        return [self._named(name) for name in names]

    def _named(self, name: str) -> ModelRow:
        served = next((row for row in self.served if row.answers_to(name)), None)
        row = served or self.table.find(name) or self.table.configured(name)
        return row.run_by(self._engine)


def _list(args: argparse.Namespace) -> int:
    context = _Context()
    served = {row.id for row in context.served}
    rows = [row for row in context.table.rows if row.id not in served]
    entries = [_entry(row, context) for row in (*context.served, *rows)]
    if args.json:
        _print_json(entries)
        return 0
    print(_line("  ID", "SIZE", "LANGUAGES", "FROM", "CACHED"))
    for entry in entries:
        mark = "* " if entry["configured"] else "+ " if entry["served"] else "  "
        print(
            _line(
                mark + entry["id"],
                readable_bytes(entry["bytes"]) if entry["bytes"] else "?",
                _languages(entry["languages"]),
                ", ".join(entry["sources"]),
                "yes" if entry["cached"] else "no",
            )
        )
    print("* the configured model: it serves all ids that clients of the hosted service send")
    if len(context.served) > 1:
        print("+ served beside it, under the hosted ids of its own weights too")
    return 0


def _entry(row: ModelRow, context: _Context) -> dict[str, Any]:
    return {
        "id": row.id,
        "aliases": row.aliases,
        "kind": row.kind,
        "size": row.size,
        "bytes": row.n_bytes,
        "languages": row.languages,
        "sources": [
            name
            for name, has in (
                ("folder", row.folder),
                ("packages", row.packages),
                ("hub", row.hub),
            )
            if has
        ],
        "cached": context.store.is_cached(row),
        "configured": row is context.configured,
        "served": row in context.served,
    }


def _line(name: str, size: str, languages: str, sources: str, cached: str) -> str:
    return f"{name:<32} {size:>8}  {languages:<10} {sources:<14} {cached}"


def _languages(codes: Sequence[str]) -> str:
    if not codes:
        return "-"
    return str(len(codes)) if len(codes) > 3 else " ".join(codes)


def _pull(args: argparse.Namespace) -> int:
    context = _Context()
    rows = context.named(args.names) if args.names else context.needed()
    progress = progress_for(sys.stderr)
    pulled: list[dict[str, str]] = []
    failed = False
    for row in rows:
        try:
            pulled.append({"id": row.id, "path": str(context.store.resolve(row, progress))})
        except WeightsError as error:
            failed = True
            print(f"auricle: {error}", file=sys.stderr)
            continue
        if not args.json:
            print(f"{row.id}  {pulled[-1]['path']}")
    if args.json:
        _print_json(pulled)
    return 1 if failed else 0


def _verify(args: argparse.Namespace) -> int:
    context = _Context()
    rows = context.named(args.names) if args.names else _at_hand(context)
    found = [_verified(row, context.store) for row in rows]
    if args.json:
        _print_json(
            [
                {
                    "id": each.row.id,
                    "state": each.state,
                    "path": str(each.folder) if each.folder else None,
                    "problem": each.problem,
                }
                for each in found
            ]
        )
    else:
        for each in found:
            print(f"{each.row.id}  {each.state}  {each.problem or each.folder or ''}".rstrip())
    bad = [each.row.id for each in found if each.state != "ok"]
    if bad:
        print(f"auricle: fetch again with `auricle models pull {' '.join(bad)}`", file=sys.stderr)
    return 1 if bad else 0


def _at_hand(context: _Context) -> list[ModelRow]:
    """What the server needs, and every other row of the table that is cached."""
    needed = context.needed()
    ids = {row.id for row in needed}
    others = [row for row in context.table.rows if row.id not in ids]
    return needed + [row for row in others if context.store.is_cached(row)]


def _verified(row: ModelRow, store: ModelStore) -> Verification:
    print(f"{row.id}: hashing", file=sys.stderr)
    return store.verify(row)


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2))
