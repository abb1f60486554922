//! Tables and paragraphs for people: wrapped to a terminal's width, and coloured where that is wanted.

/// The widest line, in characters. Commands may be longer: one that is cut cannot be copied.
pub const WIDTH: usize = 100;

/// What a text stands out for. Without colours it says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it is.
    Plain,
    /// All is well.
    Good,
    /// For a closer look.
    Warning,
    /// Something is wrong, or in the way.
    Bad,
    /// Of no concern.
    Dim,
    /// A heading.
    Bold,
}

impl Tone {
    /// The text in its colour, if colours are wanted.
    pub fn on(self, text: &str, colour: bool) -> String {
        let code = match self {
            Self::Good => "32",
            Self::Warning => "33",
            Self::Bad => "31",
            Self::Dim => "2",
            Self::Bold => "1",
            Self::Plain => return text.to_owned(),
        };
        if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A table: headings, then rows whose first cell has a tone. Columns are as wide as their widest cell, and `widest` at the most;
/// longer cells go on in the next line.
pub fn table<const N: usize>(headings: [&str; N], widest: [usize; N], rows: &[(Tone, [String; N])], colour: bool) -> String {
    let headings = (Tone::Bold, headings.map(str::to_owned));
    let all = || std::iter::once(&headings).chain(rows);
    let widths: [usize; N] = std::array::from_fn(|column| {
        let cells = all().filter_map(|(_, cells)| cells.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0).min(widest.get(column).copied().unwrap_or(WIDTH))
    });
    let mut text = String::new();
    for (tone, cells) in all() {
        let cells: Vec<Vec<String>> = cells.iter().zip(widths).map(|(cell, width)| wrapped(cell, width)).collect();
        for line in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
            let mut written = String::new();
            for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
                let piece = format!("{:<width$}", cell.get(line).map_or("", |piece| piece));
                let toned = column == 0 || *tone == Tone::Bold;
                written.push_str(if column == 0 { "" } else { "  " });
                written.push_str(&if toned { tone.on(&piece, colour) } else { piece });
            }
            text.push_str(written.trim_end());
            text.push('\n');
        }
    }
    text
}

/// A paragraph behind a label, its further lines indented like the first.
pub fn labelled(label: &str, text: &str, tone: Tone, colour: bool) -> String {
    const LABEL: usize = 10;
    let mut written = String::new();
    for (index, line) in wrapped(text, WIDTH - LABEL).into_iter().enumerate() {
        let label = if index == 0 { label } else { "" };
        written.push_str(&format!("{label:<LABEL$}{}\n", tone.on(&line, colour)));
    }
    written
}

/// The text in lines of so many characters, broken between words, or within one that is longer than that. Never none.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        for (index, piece) in pieces(word, width).into_iter().enumerate() {
            let space = usize::from(!line.is_empty());
            let fits = index == 0 && line.chars().count() + space + piece.chars().count() <= width;
            if !fits && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(piece);
        }
    }
    lines.push(line);
    lines
}

/// A word in pieces that fit, cut behind a `/`, `=` or the like where there is one.
fn pieces(mut word: &str, width: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    while let Some((end, _)) = word.char_indices().nth(width) {
        let (most, _) = word.split_at(end);
        let at = most.rfind(['/', '=', ',', ':', '.']).map_or(end, |at| at + 1);
        let (piece, rest) = word.split_at(at);
        pieces.push(piece);
        word = rest;
    }
    pieces.push(word);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, width: usize, expected: &[&str]) {
        assert_eq!(wrapped(text, width), expected);
    }

    #[test]
    fn lines_break_between_words_and_long_words_anywhere() {
        check("", 5, &[""]);
        check("one two", 7, &["one two"]);
        check("one two", 6, &["one", "two"]);
        check("a sha256:0123456789 b", 8, &["a", "sha256:", "01234567", "89 b"]);
        check("if team.example/enabled=true", 20, &["if team.example/", "enabled=true"]);
        check("é é é", 3, &["é é", "é"]);
    }

    #[test]
    fn columns_are_aligned_and_colours_do_not_count() {
        let row = |tone, cells: [&str; 3]| (tone, cells.map(str::to_owned));
        let rows = [row(Tone::Bad, ["no", "a", "one two three"]), row(Tone::Good, ["yes", "bb", ""])];
        let plain = "IS   ID  WHY\nno   a   one two\n         three\nyes  bb\n";
        assert_eq!(table(["IS", "ID", "WHY"], [9, 9, 8], &rows, false), plain);
        let coloured = table(["IS", "ID", "WHY"], [9, 9, 8], &rows, true);
        assert!(coloured.contains("\x1b[31mno \x1b[0m  a   one two\n"), "{coloured:?}");
        let bare = coloured.replace("\x1b[31m", "").replace("\x1b[32m", "").replace("\x1b[1m", "").replace("\x1b[0m", "");
        let lines = |text: &str| text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
        assert_eq!(lines(&bare), lines(plain));
    }
}
