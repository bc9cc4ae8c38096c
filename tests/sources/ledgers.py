#!/usr/bin/python3
"""Writes the spreadsheets of the tests into a folder, with openpyxl, odfpy and xlwt. Usage: ledgers.py FOLDER"""

import datetime as dt
import pathlib
import random
import sys
import zipfile

import openpyxl
import xlwt
from odf import number as odfnumber
from odf import style as odfstyle
from odf import table as odftable
from odf import text as odftext
from odf.opendocument import OpenDocumentSpreadsheet

INSTANT = dt.datetime(2026, 1, 2, 3, 4, 5)
NAMES = ["编号", "标题", "受理时间", "办结日期", "时刻", "金额", "占比", "电话", "急件", "备注"]
ROWS = [
    ["A1", "占道, 经营", INSTANT, dt.date(2026, 1, 2), dt.time(10, 30), 12.5, 0.15, 13800000000, True, "  x \n二行 "],
    None,
    ["A2", "噪声", dt.datetime(2026, 1, 2), None, None, 3, 1, 110101, False, None],
    ["A3", "hidden", INSTANT, None, None, 0.1 + 0.2, None, None, None, "001"],
]


def cells(sheet, first, rows):
    for row, values in enumerate(rows, first):
        for column, value in enumerate(values or [], 1):
            if value is not None:
                sheet.cell(row, column, value)


def plain(folder):
    book = openpyxl.Workbook()
    book.active.title = "说明"
    book.active.sheet_state = "hidden"
    sheet = book.create_sheet("办件")
    sheet["A1"] = "办件台账"
    sheet.merge_cells("A1:J1")
    cells(sheet, 3, [NAMES, *ROWS])
    for row in (4, 6, 7):
        sheet.cell(row, 3).number_format = "yyyy-mm-dd hh:mm:ss"
        sheet.cell(row, 4).number_format = 'yyyy"年"m"月"d"日"'
        sheet.cell(row, 5).number_format = "h:mm"
        sheet.cell(row, 7).number_format = "0%"
        sheet.cell(row, 8).number_format = "0.00E+00"
    sheet.row_dimensions[7].hidden = True
    sheet.auto_filter.ref = "A3:J7"
    sheet.auto_filter.add_filter_column(0, ["A1"])
    book.create_sheet("空")
    book.save(folder / "plain.xlsx")
    # The other epoch, and a save that says nothing of numbers but ISO dates.
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    book.save(folder / "epoch1904.xlsx")
    book.iso_dates = True
    book.save(folder / "iso.xlsx")


def merged(folder):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "二级表头"
    cells(sheet, 1, [["台账"], ["编号", "受理", None, "办结", None], [None, "时间", "人", "时间", "人"]])
    cells(sheet, 4, [["B1", "2026-01-02 03:04:05", "甲", "2026-01-03 03:04:05", "乙"]])
    for area in ("A1:E1", "A2:A3", "B2:C2", "D2:E2"):
        sheet.merge_cells(area)
    book.save(folder / "merged.xlsx")


def flaws(folder):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "错"
    cells(sheet, 1, [["编号", "标题"], ["C1", "#N/A"], ["C2", "good"], ["C3", "#REF!"], [None, "no id"]])
    sheet["B6"] = "x" * 32767
    sheet["A6"] = "C6"
    book.save(folder / "flaws.xlsx")
    other = openpyxl.Workbook()
    cells(other.active, 1, [["number", "name"], [1, "x"]])
    other.save(folder / "columns.xlsx")
    openpyxl.Workbook().save(folder / "empty.xlsx")


def hostile(folder):
    """Files that a spreadsheet program would not write: parts of one that it would, replaced."""
    parts = {name: zipfile.ZipFile(folder / "flaws.xlsx").read(name) for name in zipfile.ZipFile(folder / "flaws.xlsx").namelist()}

    def write(name, **replaced):
        with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
            for part, content in parts.items():
                if part.endswith("/sheet1.xml") and "sheet" in replaced:
                    content = replaced["sheet"].encode()
                archive.writestr(part, content)
            if "strings" in replaced:
                archive.writestr("xl/sharedStrings.xml", replaced["strings"])
            if "bomb" in replaced:
                with archive.open("xl/media/image1.png", "w") as part:
                    for _ in range(replaced["bomb"]):
                        part.write(bytes(1 << 20))

    head = '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    row = '<row r="{0}"><c r="A{0}" t="inlineStr"><is><t>{1}</t></is></c><c r="B{0}" t="inlineStr"><is><t>{2}</t></is></c></row>'
    titles = row.format(1, "编号", "标题")
    tail = "</sheetData></worksheet>"
    write("bomb.xlsx", bomb=600)
    write("declared.xlsx", sheet=head + '<dimension ref="A1:XFD1048576"/><sheetData>' + titles + row.format(1048576, "D1", "last") + tail)
    write("backwards.xlsx", sheet=head + '<dimension ref="C9:A1"/><sheetData>' + titles + row.format(3, "D1", "x") + row.format(2, "D2", "x") + tail)
    lol = "".join(f'<!ENTITY l{n} "{"&l%d;" % (n - 1) * 10}">' for n in range(1, 10))
    doctype = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "lol"><!ENTITY f SYSTEM "file:///etc/passwd">{lol}]>'
    for name, entity in (("laughs.xlsx", "&l9;"), ("passwd.xlsx", "&f;")):
        write(name, sheet=doctype + head[len('<?xml version="1.0"?>'):] + "<sheetData>" + titles + row.format(2, "D1", entity) + tail)
    write("strings.xlsx", strings='<?xml version="1.0"?><sst uniqueCount="999999999999"><si><t>x</t></si></sst>')
    shared = "".join(f'<c r="{cell}" t="s"><v>{index}</v></c>' for index, cell in enumerate(["A1", "B1", "A2", "B2"]))
    first, second = shared[: shared.index('<c r="A2"')], shared[shared.index('<c r="A2"') :]
    strings = '<sst uniqueCount="4" count="4"><si><t>编号</t></si><si><t>标题</t></si><si><t>S1</t></si><si><r><t xml:space="preserve">噪 </t></r><r><t>声</t></r><rPh sb="0" eb="1"><t>zao</t></rPh></si></sst>'
    write("shared.xlsx", strings=strings, sheet=head + f'<sheetData><row r="1">{first}</row><row r="2">{second}</row>' + tail)
    write("index.xlsx", sheet=head + "<sheetData>" + titles + '<row r="2"><c r="A2" t="s"><v>4000000</v></c></row>' + tail)
    whole = (folder / "plain.xlsx").read_bytes()
    (folder / "cut.xlsx").write_bytes(whole[: len(whole) // 2])
    (folder / "page.xls").write_text("<html><table><tr><td>编号</td></tr></table></html>")
    (folder / "text.xlsx").write_text("编号,标题\n1,x\n")
    (folder / "nothing.xlsx").write_bytes(b"")


def ods(folder):
    document = OpenDocumentSpreadsheet()
    unseen = odfstyle.Style(name="unseen", family="table")
    unseen.addElement(odfstyle.TableProperties(display="false"))
    document.automaticstyles.addElement(unseen)
    document.spreadsheet.addElement(odftable.Table(name="说明", stylename=unseen))
    sheet = odftable.Table(name="办件")

    def cell(value, **more):
        if value is None:
            return odftable.TableCell(**more)
        if isinstance(value, bool):
            made = odftable.TableCell(valuetype="boolean", booleanvalue=str(value).lower(), **more)
        elif isinstance(value, (int, float)):
            made = odftable.TableCell(valuetype="float", value=repr(value), **more)
        elif isinstance(value, dt.time):
            made = odftable.TableCell(valuetype="time", timevalue=value.strftime("PT%HH%MM%SS"), **more)
        elif isinstance(value, dt.date):
            made = odftable.TableCell(valuetype="date", datevalue=value.isoformat(), **more)
        else:
            made = odftable.TableCell(valuetype="string", **more)
            for line in str(value).split("\n"):
                paragraph = odftext.P()
                rest = line.lstrip(" ")
                if len(line) > len(rest):
                    paragraph.addElement(odftext.S(c=len(line) - len(rest)))
                paragraph.addText(rest)
                made.addElement(paragraph)
        return made

    def row(values, **more):
        made = odftable.TableRow(**more)
        for value in values:
            made.addElement(value if isinstance(value, odftable.Element) else cell(value))
        made.addElement(odftable.TableCell(numbercolumnsrepeated=1000))
        sheet.addElement(made)

    row([cell("办件台账", numbercolumnsspanned=10), odftable.CoveredTableCell(numbercolumnsrepeated=9)])
    row([])
    row(NAMES)
    row(ROWS[0])
    row([], numberrowsrepeated=1)
    row(ROWS[2])
    row(ROWS[3], visibility="collapse")
    row([], numberrowsrepeated=1048569)
    document.spreadsheet.addElement(sheet)
    document.save(folder / "plain.ods")

    document = OpenDocumentSpreadsheet()
    sheet = odftable.Table(name="二级表头")
    covered = odftable.CoveredTableCell
    row([cell("编号", numberrowsspanned=2), cell("受理", numbercolumnsspanned=2), covered(), cell("办结", numbercolumnsspanned=2), covered()])
    row([covered(), "时间", "人", "时间", "人"])
    row(["B1", "2026-01-02 03:04:05", "甲", "2026-01-03 03:04:05", "乙"])
    document.spreadsheet.addElement(sheet)
    document.save(folder / "merged.ods")

    content = zipfile.ZipFile(folder / "merged.ods").read("content.xml").decode()
    for name, old, new in (
        ("rows.ods", "<table:table-row><table:table-cell office:value-type=\"string\"><text:p>B1", "<table:table-row table:number-rows-repeated=\"99999999\"><table:table-cell office:value-type=\"string\"><text:p>B1"),
        ("spaces.ods", "甲", "<text:s text:c=\"99999999999\"/>"),
        ("columns.ods", "<table:table-cell office:value-type=\"string\"><text:p>乙", "<table:table-cell table:number-columns-repeated=\"999999999\" office:value-type=\"string\"><text:p>乙"),
        ("entity.ods", "甲", "&own;"),
        ("tail.ods", "</office:spreadsheet>", ""),
    ):
        assert old in content, (name, content)
        changed = content.replace(old, new)
        if name == "tail.ods":
            changed = content[: content.index("乙")]
        with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
            archive.writestr("META-INF/manifest.xml", "<manifest/>")
            archive.writestr("content.xml", changed)


def xls(folder):
    for name, is_1904 in (("plain.xls", False), ("epoch1904.xls", True)):
        book = xlwt.Workbook(encoding="utf-8")
        book.dates_1904 = is_1904
        book.add_sheet("说明").visibility = 1
        sheet = book.add_sheet("办件")
        book.set_active_sheet(1)
        sheet.write_merge(0, 0, 0, 9, "办件台账")
        formats = {2: "yyyy-mm-dd hh:mm:ss", 3: "yyyy-mm-dd", 4: "h:mm", 6: "0%"}
        for row, values in enumerate([NAMES, *ROWS], 2):
            for column, value in enumerate(values or []):
                if value is None:
                    continue
                wanted = formats.get(column) if row > 2 else None
                sheet.write(row, column, value, xlwt.easyxf(num_format_str=wanted) if wanted else xlwt.Style.default_style)
        sheet.row(6).hidden = True
        book.save(str(folder / name))
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("二级表头")
    sheet.write_merge(0, 1, 0, 0, "编号")
    sheet.write_merge(0, 0, 1, 2, "受理")
    sheet.write_merge(0, 0, 3, 4, "办结")
    for column, value in enumerate(["时间", "人", "时间", "人"], 1):
        sheet.write(1, column, value)
    for column, value in enumerate(["B1", "2026-01-02 03:04:05", "甲", "2026-01-03 03:04:05", "乙"]):
        sheet.write(2, column, value)
    book.save(str(folder / "merged.xls"))
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("far")
    sheet.write(0, 0, "编号")
    sheet.write(65535, 255, "x")
    book.save(str(folder / "far.xls"))
    whole = (folder / "plain.xls").read_bytes()
    # What the sheets declare to span, made larger than any memory: rows from 0 to 4294967295.
    record = b"\x00\x02\x0e\x00"
    assert record in whole
    at = whole.rindex(record) + 4
    (folder / "declared.xls").write_bytes(whole[: at + 4] + b"\xff\xff\xff\xff" + whole[at + 8 :])
    (folder / "ends.xls").write_bytes(whole[:at] + b"\x09\x00\x00\x00\x01\x00\x00\x00" + whole[at + 8 :])
    (folder / "cut.xls").write_bytes(whole[: len(whole) // 2])


def damaged(folder):
    """Whole archives with parts in which some bytes are others."""
    chance = random.Random(5)
    for kind in ("xlsx", "ods"):
        with zipfile.ZipFile(folder / f"plain.{kind}") as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        for number in range(80):
            with zipfile.ZipFile(folder / f"damaged-{number}.{kind}", "w", zipfile.ZIP_DEFLATED) as archive:
                for name, content in parts.items():
                    content = bytearray(content)
                    for _ in range(chance.randrange(4)):
                        at = chance.randrange(len(content))
                        content[at : at + chance.randrange(3)] = bytes(chance.choices(b"<>/\"&;=09A\xe6", k=chance.randrange(3)))
                    archive.writestr(name, bytes(content))


def main():
    folder = pathlib.Path(sys.argv[1])
    plain(folder)
    merged(folder)
    flaws(folder)
    hostile(folder)
    ods(folder)
    xls(folder)
    damaged(folder)


main()
