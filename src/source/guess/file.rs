//! How a file is written: a spreadsheet, an SQLite database, or a CSV file with its encoding and delimiter.

use encoding_rs::GB18030;

/// The bytes that are looked at.
pub const HEAD: usize = 1 << 20;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// XLSX, XLS or ODS.
    Sheet,
    /// An SQLite database.
    Sqlite,
    /// Text with a delimiter.
    Csv {
        /// Whether it is in GB 18030 and not in UTF-8.
        is_gb18030: bool,
        /// What stands between cells.
        delimiter: char,
    },
}

/// What a file is, by the first [`HEAD`] bytes of it.
pub fn form(head: &[u8]) -> Form {
    if head.starts_with(b"PK") || head.starts_with(b"\xD0\xCF\x11\xE0") {
        return Form::Sheet;
    }
    if head.starts_with(b"SQLite format 3\0") {
        return Form::Sqlite;
    }
    // The head may end inside a character, so that only its lines are asked.
    let lines = memchr::memrchr(b'\n', head).map_or(head, |end| &head[..end]);
    let is_utf8 = std::str::from_utf8(lines).is_ok();
    let readable = || GB18030.decode_without_bom_handling_and_without_replacement(lines).is_some();
    Form::Csv { is_gb18030: !is_utf8 && readable(), delimiter: delimiter(lines) }
}

/// The delimiter that stands most often in the first line, outside quotes.
fn delimiter(lines: &[u8]) -> char {
    const KNOWN: [u8; 4] = [b',', b';', b'\t', b'|'];
    let mut counts = [0_usize; KNOWN.len()];
    let mut quoted = false;
    for byte in lines {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            byte if !quoted => {
                if let Some(at) = KNOWN.iter().position(|known| known == byte) {
                    counts[at] += 1;
                }
            }
            _ => {}
        }
    }
    let best = (0..KNOWN.len()).max_by_key(|at| (counts[*at], std::cmp::Reverse(*at))).unwrap_or(0);
    char::from(KNOWN[best])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_bytes() {
        let csv = |is_gb18030, delimiter| Form::Csv { is_gb18030, delimiter };
        let (gb, ..) = GB18030.encode("编号;标题\nT1;噪声\n");
        for (bytes, is) in [
            (&b"PK\x03\x04"[..], Form::Sheet),
            (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", Form::Sheet),
            (b"SQLite format 3\0xx", Form::Sqlite),
            (b"id,title\n1,a\n", csv(false, ',')),
            ("\u{feff}编号\t标题\n".as_bytes(), csv(false, '\t')),
            (b"\"a,b\";c;d\n1;2;3\n", csv(false, ';')),
            (b"a|b|c,d\n", csv(false, '|')),
            (b"one column\n", csv(false, ',')),
            (b"", csv(false, ',')),
            (&gb, csv(true, ';')),
            ("编号,标".as_bytes(), csv(false, ',')),
        ] {
            assert_eq!(form(bytes), is, "{bytes:?}");
        }
        let cut = "编号,标题\n甲".as_bytes();
        assert_eq!(form(&cut[..cut.len() - 1]), csv(false, ','), "a head that ends in a character");
    }
}
