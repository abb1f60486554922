//! What a stream's other end can show.

use std::io::IsTerminal;

/// How text for people is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Columns of the terminal; `None`: no terminal, nothing is wrapped.
    pub width: Option<usize>,
    /// With colours.
    pub colour: bool,
}

/// Narrower, and text becomes a column of single words.
const NARROWEST: usize = 40;

impl Style {
    /// For a file or a pipe.
    pub const PLAIN: Self = Self { width: None, colour: false };

    /// For standard output or standard error: on a terminal as wide as that, with colours unless `NO_COLOR` is set or it cannot.
    pub fn of(stream: &(impl IsTerminal + std::os::fd::AsFd)) -> Self {
        if !stream.is_terminal() {
            return Self::PLAIN;
        }
        let columns = terminal_size::terminal_size_of(stream).map_or(0, |(width, _)| usize::from(width.0));
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        Self {
            // A terminal that knows no size says 0.
            width: Some(if columns == 0 { 80 } else { columns.max(NARROWEST) }),
            colour: set("NO_COLOR").is_none() && set("TERM").is_none_or(|terminal| terminal != "dumb"),
        }
    }

    /// In a colour, by its number among the terminal's attributes, where there are colours.
    pub fn coloured(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
