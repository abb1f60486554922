//! What a stream's other end can show, and how text stands out there.

use std::io::IsTerminal;

use anstyle::{AnsiColor, Effects};

/// How text for people is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    /// Columns of the terminal; `None`: no terminal, nothing is wrapped.
    pub width: Option<usize>,
    /// With colours.
    pub colour: bool,
}

/// Narrower, and text becomes a column of single words.
const NARROWEST: usize = 40;

impl Style {
    /// For a file or a pipe.
    pub(crate) const PLAIN: Self = Self { width: None, colour: false };

    /// For standard output or standard error: on a terminal as wide as that, with colours unless `NO_COLOR` is set or it cannot.
    pub(crate) fn of(stream: &(impl IsTerminal + std::os::fd::AsFd)) -> Self {
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

    /// The text as it stands out, where there are colours.
    pub(crate) fn toned(self, tone: Tone, text: &str) -> String {
        tone.on(text, self.colour)
    }
}

/// What a text stands out for. Without colours it says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it is.
    Plain,
    /// All is well.
    Good,
    /// Something is done.
    Action,
    /// For a closer look.
    Warning,
    /// Something is wrong, or in the way.
    Bad,
    /// The command failed.
    Error,
    /// Of no concern.
    Dim,
    /// A heading.
    Bold,
}

impl Tone {
    /// The text in its colour, if colours are wanted.
    pub(crate) fn on(self, text: &str, colour: bool) -> String {
        let style = match self {
            Self::Plain => return text.to_owned(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Action => AnsiColor::Cyan.on_default(),
            Self::Warning => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default(),
            Self::Error => AnsiColor::Red.on_default().effects(Effects::BOLD),
            Self::Dim => anstyle::Style::new().effects(Effects::DIMMED),
            Self::Bold => anstyle::Style::new().effects(Effects::BOLD),
        };
        if colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}
