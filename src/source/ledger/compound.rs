//! The compound file that an XLS workbook is, followed only as far as is needed to find its stream of records.

use super::Trouble;
use super::package::damaged;

/// Sector numbers from here on mean something else.
const RESERVED: u32 = 0xFFFF_FFFA;

/// Streams below this size lie in small sectors.
const SMALL: usize = 4096;

/// A compound file in memory.
pub(super) struct Compound<'b> {
    bytes: &'b [u8],
    sector: usize,
    chains: Vec<u32>,
    small_chains: Vec<u32>,
    small: Vec<u8>,
    directory: Vec<Entry>,
}

struct Entry {
    name: String,
    start: u32,
    len: usize,
}

impl<'b> Compound<'b> {
    /// Reads the tables of a file.
    pub fn new(bytes: &'b [u8]) -> Result<Self, Trouble> {
        let sector = match word(bytes, 30) {
            Some(9) => 512,
            Some(12) => 4096,
            _ => return Err(damaged("its header")),
        };
        let mut file = Self {
            bytes,
            sector,
            chains: Vec::new(),
            small_chains: Vec::new(),
            small: Vec::new(),
            directory: Vec::new(),
        };
        for at in file.tables()? {
            file.chains.extend(longs(file.sector(at)?));
        }
        let directory = file.chain(file.long(48)?, usize::MAX)?;
        file.directory = directory.chunks_exact(128).map(|entry| Entry::read(entry, sector)).collect();
        let root = file.directory.first().map(|root| (root.start, root.len));
        if file.long(64)? > 0
            && let Some((start, len)) = root
        {
            file.small = file.chain(start, len)?;
            file.small_chains = longs(&file.chain(file.long(60)?, usize::MAX)?).collect();
        }
        Ok(file)
    }

    /// Whether there is a stream with this name.
    pub fn has(&self, name: &str) -> bool {
        self.directory.iter().any(|entry| entry.name.eq_ignore_ascii_case(name))
    }

    /// The stream with this name.
    pub fn stream(&self, name: &str) -> Result<Vec<u8>, Trouble> {
        let found = self.directory.iter().find(|entry| entry.name.eq_ignore_ascii_case(name));
        let entry = found.ok_or_else(|| damaged("without a workbook"))?;
        if entry.len >= SMALL {
            return self.chain(entry.start, entry.len);
        }
        let piece = |at: u32| {
            let rest = self.small.get(at as usize * 64..).filter(|rest| !rest.is_empty())?;
            Some(&rest[..rest.len().min(64)])
        };
        follow(entry.start, entry.len, &self.small_chains, self.bytes.len(), piece)
    }

    /// The sectors of the table of chains: 109 in the header, more in a chain of their own.
    fn tables(&self) -> Result<Vec<u32>, Trouble> {
        let mut tables: Vec<u32> = longs(self.bytes.get(76..512).unwrap_or_default()).collect();
        let mut more = self.long(68)?;
        let most = self.bytes.len() / self.sector + 1;
        for _ in 0..most {
            if more >= RESERVED {
                break;
            }
            tables.extend(longs(self.sector(more)?));
            more = tables.pop().unwrap_or(RESERVED);
        }
        tables.retain(|at| *at < RESERVED);
        if tables.len() > most { Err(damaged("its tables")) } else { Ok(tables) }
    }

    fn long(&self, at: usize) -> Result<u32, Trouble> {
        longs(self.bytes.get(at..at + 4).unwrap_or_default()).next().ok_or_else(|| damaged("its header"))
    }

    fn sector(&self, at: u32) -> Result<&'b [u8], Trouble> {
        let piece = (at as usize + 1).checked_mul(self.sector).and_then(|start| self.bytes.get(start..));
        let piece = piece.filter(|piece| !piece.is_empty()).ok_or_else(|| damaged("it ends too early"))?;
        Ok(&piece[..piece.len().min(self.sector)])
    }

    fn chain(&self, start: u32, len: usize) -> Result<Vec<u8>, Trouble> {
        follow(start, len, &self.chains, self.bytes.len(), |at| self.sector(at).ok())
    }
}

impl Entry {
    fn read(entry: &[u8], sector: usize) -> Self {
        let name_len = usize::from(word(entry, 64).unwrap_or(0)).saturating_sub(2).min(64);
        let units: Vec<u16> = entry[..name_len].chunks_exact(2).map(|c| u16::from_le_bytes([c[0], c[1]])).collect();
        let mut sizes = longs(&entry[116..128]);
        let (start, low, high) = (sizes.next(), sizes.next(), sizes.next());
        let high = if sector == 512 { 0 } else { high.unwrap_or(0) };
        let len = u64::from(high) << 32 | u64::from(low.unwrap_or(0));
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        Self { name: String::from_utf16_lossy(&units), start: start.unwrap_or(RESERVED), len }
    }
}

/// The pieces of a chain, at most `len` bytes of them. One with more than `most` goes in a circle.
fn follow<'p>(
    start: u32,
    len: usize,
    chains: &[u32],
    most: usize,
    piece: impl Fn(u32) -> Option<&'p [u8]>,
) -> Result<Vec<u8>, Trouble> {
    let (mut bytes, mut at) = (Vec::new(), start);
    while bytes.len() <= most {
        if at >= RESERVED || bytes.len() >= len {
            bytes.truncate(len);
            return Ok(bytes);
        }
        bytes.extend_from_slice(piece(at).ok_or_else(|| damaged("it ends too early"))?);
        at = *chains.get(at as usize).ok_or_else(|| damaged("its tables"))?;
    }
    Err(damaged("its tables"))
}

/// The number of two bytes at a place.
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?;
    Some(u16::from_le_bytes([bytes[0], bytes[1]]))
}

fn longs(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.chunks_exact(4).map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]]))
}
