//! What a short message that is too long loses, and in which order: the title, the unit, what says the time a second
//! time, the rehearsal's mark, the lesser counts. A part of the code goes only when nothing else is left to go.

use super::line::{Line, fit, units};
use super::page::Page;

/// One part of a page and how it gets shorter.
pub struct Loss {
    part: fn(&mut Page) -> &mut Line,
    way: Way,
}

enum Way {
    /// Cut, or left out where less than this would stay.
    Cut(usize),
    /// Left out.
    Drop,
    /// Cut between counts; the first one stays.
    Count,
}

/// What this page can lose, in order.
pub fn losses(page: &Page) -> Vec<Loss> {
    let mut losses = vec![
        Loss { part: |page| &mut page.title, way: Way::Cut(4) },
        Loss { part: |page| &mut page.unit, way: Way::Cut(4) },
    ];
    if !page.single || page.due.is_empty() {
        losses.push(Loss { part: |page| &mut page.state, way: Way::Cut(8) });
    }
    losses.push(Loss { part: |page| &mut page.due, way: Way::Drop });
    losses.push(Loss { part: |page| &mut page.rehearsal, way: Way::Cut(0) });
    if !page.single {
        losses.push(Loss { part: |page| &mut page.tag, way: Way::Count });
    }
    losses.push(Loss { part: |page| &mut page.code, way: Way::Cut(0) });
    losses
}

impl Loss {
    /// Makes a part shorter by so many UTF-16 units, if it has as many.
    pub fn take(&self, page: &mut Page, over: usize) {
        let part = (self.part)(page);
        let left = units(part.as_str()).saturating_sub(over);
        *part = match self.way {
            Way::Cut(least) if left >= least => fit(part.as_str(), left).into(),
            Way::Cut(_) | Way::Drop => Line::default(),
            Way::Count => first_counts(part.as_str(), left),
        };
    }
}

/// The first of `2 red, 3 yellow, 1 cleared` or `红牌2 黄牌3 销牌1` that fit.
fn first_counts(text: &str, most: usize) -> Line {
    let gap = if text.contains(", ") { ',' } else { ' ' };
    let first = text.find(gap).unwrap_or(text.len());
    let end = fit(text, most).rfind(gap).unwrap_or(first).max(first);
    format!("{}…", &text[..end]).into()
}

#[cfg(test)]
mod tests {
    use super::first_counts;

    #[test]
    fn counts_are_never_cut_inside() {
        for (text, most, expected) in [
            ("2 red, 30 yellow, 4 cleared", 20, "2 red, 30 yellow…"),
            ("2 red, 30 yellow, 4 cleared", 12, "2 red…"),
            ("红牌2 黄牌30 销牌4", 10, "红牌2 黄牌30…"),
            ("红牌2 黄牌30 销牌4", 0, "红牌2…"),
        ] {
            assert_eq!(first_counts(text, most).as_str(), expected, "{text} {most}");
        }
    }
}
