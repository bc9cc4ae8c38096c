#!/usr/bin/python3
"""Writes tables into one spreadsheet: their names are its sheets. Usage: tickets.py FILE TABLE.jsonl…

Each line of a table is a list of cells, the first one of its columns' names: null, or a pair of what it is (text, number,
truth, wall, day) and its value.
"""

import datetime as dt
import json
import pathlib
import sys

FORMATS = {"wall": "yyyy-mm-dd hh:mm:ss.000", "day": "yyyy-mm-dd"}


def tables(paths):
    for path in map(pathlib.Path, paths):
        with path.open(encoding="utf-8") as lines:
            yield path.stem, (json.loads(line) for line in lines)


def value(kind, value):
    return dt.datetime.fromisoformat(value) if kind in FORMATS else value


def xlsx(file, paths):
    import openpyxl
    from openpyxl.cell import WriteOnlyCell

    book = openpyxl.Workbook(write_only=True)
    for name, rows in tables(paths):
        sheet = book.create_sheet(name)

        def cell(pair):
            if pair is None:
                return None
            made = WriteOnlyCell(sheet, value(*pair))
            if pair[0] == "text":
                # Not a formula, whatever it begins with.
                made.data_type = "s"
            elif pair[0] in FORMATS:
                made.number_format = FORMATS[pair[0]]
            return made

        for row in rows:
            sheet.append([cell(pair) for pair in row])
    book.save(file)


def ods(file, paths):
    from odf import table, teletype, text
    from odf.opendocument import OpenDocumentSpreadsheet

    def cell(pair):
        if pair is None:
            return table.TableCell()
        kind, content = pair
        if kind == "number":
            return table.TableCell(valuetype="float", value=repr(content))
        if kind == "truth":
            return table.TableCell(valuetype="boolean", booleanvalue=str(content).lower())
        if kind in FORMATS:
            return table.TableCell(valuetype="date", datevalue=content.removesuffix("T00:00:00") if kind == "day" else content)
        made = table.TableCell(valuetype="string")
        for line in content.replace("\r\n", "\n").split("\n"):
            paragraph = text.P()
            teletype.addTextToElement(paragraph, line)
            made.addElement(paragraph)
        return made

    document = OpenDocumentSpreadsheet()
    for name, rows in tables(paths):
        sheet = table.Table(name=name)
        for row in rows:
            made = table.TableRow()
            for pair in row:
                made.addElement(cell(pair))
            sheet.addElement(made)
        document.spreadsheet.addElement(sheet)
    document.save(file)


def main():
    file, *paths = sys.argv[1:]
    {".xlsx": xlsx, ".ods": ods}[pathlib.Path(file).suffix](file, paths)


main()
