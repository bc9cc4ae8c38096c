"""The city's files and the playbook's numbers for `recount.py`: rows that can be read, in SQL."""

import csv
import re
import sqlite3
import tomllib
from collections import defaultdict
from datetime import datetime
from fractions import Fraction

from working_time import START, Calendar, seconds

ALWAYS = -(10**12)


def soonest(*instants):
    """The first of some facts, whichever are there."""
    return min((at for at in instants if at is not None), default=None)


class Rejected(Exception):
    """A row that cannot be read."""


class Row(dict):
    """A row whose columns are attributes."""

    __getattr__ = dict.__getitem__


class City:
    """The city's rows in SQL, a table a source, with the playbook's numbers."""

    def __init__(self, root):
        folder = root / "config/examples/city"
        self.config = tomllib.loads((folder / "duban.toml").read_text("utf-8"))
        self.known = tomllib.loads((folder / "appears.toml").read_text("utf-8"))
        self.calendar = Calendar(root / "config/calendars/cn.toml")
        shipped = tomllib.loads((root / "config/duban.toml").read_text("utf-8"), parse_float=Fraction)
        windows = {**shipped["windows"], **self.config.get("windows", {})}
        self.yellow, self.pause_limit = windows["yellow"], windows["pause_limit"]
        rules = root / "rules"
        self.numbers = tomllib.loads((rules / "params.toml").read_text("utf-8"), parse_float=Fraction)
        self.effective = {}
        for rule in self.config["rules"]["enabled"]:
            said = re.search(r'^const EFFECTIVE *= *"(.*)"', (rules / f"{rule}.rhai").read_text("utf-8"), re.M)
            self.effective[rule] = seconds(datetime.fromisoformat(said[1])) if said else ALWAYS
        self.db = sqlite3.connect(":memory:")
        self.db.row_factory = lambda cursor, row: Row(zip((c[0] for c in cursor.description), row))
        self.db.create_function("soonest", -1, soonest, deterministic=True)
        for name, path in self.numbers["tables"].items():
            self.load_table(name, rules / path)
        for name, source in self.config["source"].items():
            self.load_source(name, source, folder)

    def load_table(self, name, path):
        rows = list(csv.reader(open(path, encoding="utf-8-sig")))
        self.create(f"of_{name}", rows[0], [[cell.strip() or None for cell in row] for row in rows[1:]])

    def create(self, name, columns, rows):
        quoted = ", ".join(f'"{column}"' for column in columns)
        self.db.execute(f"CREATE TABLE {name} ({quoted})")
        self.db.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(columns))})", rows)

    def load_source(self, name, source, folder):
        fields = {"id": {"column": source["id"], "type": "text"}}
        for key, said in source["fields"].items():
            fields[key] = {"column": said} if isinstance(said, str) else said
        for part, prefix in (("pauses", "pause_"), ("extensions", "extension_")):
            for key, said in source.get(part, {}).items():
                column = said if isinstance(said, str) else said["column"]
                fields[prefix + key] = {"column": column, "type": "text" if key in ("kind", "amount") else "time"}
        by_id = defaultdict(list)
        for cells in csv.DictReader(open(folder / source["csv"]["path"], encoding="utf-8-sig")):
            by_id[cells[source["id"]].strip()].append(cells)
        appears, facts = self.known["appears"][name], self.known["facts"][name]
        rows = []
        for same in by_id.values():
            if any(cells != same[0] for cells in same):
                continue  # two that differ are both rejected
            try:
                row = [self.read(source, key, said, same[0]) for key, said in fields.items()]
            except Rejected:
                continue
            values = dict(zip(fields, row))
            begin, end = values.get("pause_from"), values.get("pause_to")
            if end is not None and (begin is None or end < begin):
                continue
            at = {said["column"]: values[key] for key, said in fields.items()}
            stated = at[appears] if appears else START
            seen_at = stated if stated is not None else soonest(*(at.get(fact) for fact in facts)) or START
            rows.append(row + [max(seen_at, START), seen_at if appears else ALWAYS])
        rows.sort(key=lambda row: (len(row[0].encode()), row[0]))
        self.create(name, [*fields, "appears_at", "there_at"], rows)
        self.db.execute(f"CREATE UNIQUE INDEX {name}_id ON {name} (id)")
        if "project" in fields:
            self.db.execute(f"CREATE INDEX {name}_project ON {name} (project)")

    def read(self, source, key, said, cells):
        text = (cells[said["column"]] or "").strip()
        if text in source["missing"]:
            return None
        kind = said.get("type", "time" if key.endswith("_at") else "text")
        if text in said.get("values", {}):
            return said["values"][text]
        if kind == "time":
            return self.instant(text, tuple(source["time_formats"]))
        if kind == "bool":
            if text not in ("是", "否"):
                raise Rejected
            return int(text == "是")
        if kind in ("integer", "number"):
            if not re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", text):
                raise Rejected
            if Fraction(text).denominator == 1:
                return int(Fraction(text))
            if kind == "integer":
                raise Rejected
            return float(text)
        return text

    moments = {}  # by text

    def instant(self, text, formats):
        if text not in self.moments:
            self.moments[text] = None
            for form in formats if text.replace("年", "").replace("月", "").replace("日", "").isascii() else ():
                try:
                    self.moments[text] = seconds(datetime.strptime(text, form))
                    break
                except ValueError:
                    pass
        if self.moments[text] is None:
            raise Rejected
        return self.moments[text]

    def query(self, sql, *values):
        return self.db.execute(sql, values).fetchall()

    def param(self, name, row):
        return self.numbers.get(row.get("region"), {}).get(name, self.numbers[name])

    def limited(self, source, table, key):
        """Items with the limit that a table gives their key, a region's own row first."""
        return self.query(f"""
            SELECT item.*, CASE WHEN own.{key} IS NULL THEN usual."limit" ELSE own."limit" END AS amount
            FROM {source} item
            LEFT JOIN of_{table} own ON own.{key} = item.region || ' ' || item.{key}
            LEFT JOIN of_{table} usual ON usual.{key} = item.{key}""")
