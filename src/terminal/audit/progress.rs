//! What a run waits for, in one line of a terminal that is rewritten in place, and gone before anything else is written.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use unicode_width::UnicodeWidthChar;

use super::Style;
use crate::core::words::inert;

/// How often a wait reports its progress, because the seconds in it move on.
pub(crate) const TICK: Duration = Duration::from_secs(1);

/// To the first column, and the line is empty.
const CLEAR: &str = "\r\x1b[2K";

/// The line, or none. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Progress(Option<Arc<Mutex<Line>>>);

struct Line {
    out: Box<dyn Write + Send>,
    width: usize,
    shown: bool,
}

impl Progress {
    /// None, ever: the output is for machines, or goes nowhere where a line could be rewritten.
    pub(crate) fn none() -> Self {
        Self::default()
    }

    /// On a terminal of this style; on anything else, none.
    pub(crate) fn on(out: impl Write + Send + 'static, style: Style) -> Self {
        // One column is left free: some terminals wrap once the last is written.
        let line = |width: usize| Line { out: Box::new(out), width: width.saturating_sub(1), shown: false };
        Self(style.width.map(line).map(Mutex::new).map(Arc::new))
    }

    /// Nobody sees it.
    pub(crate) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// Shows a text in place of what is shown.
    pub(crate) fn show(&self, text: &str) {
        self.write(|line| {
            let text = cut(&inert(text, line.width), line.width);
            line.shown = true;
            write!(line.out, "{CLEAR}{text}")
        });
    }

    /// Takes away what is shown.
    pub(crate) fn clear(&self) {
        self.write(|line| if std::mem::take(&mut line.shown) { line.out.write_all(CLEAR.as_bytes()) } else { Ok(()) });
    }

    fn write(&self, write: impl FnOnce(&mut Line) -> std::io::Result<()>) {
        if let Some(line) = &self.0 {
            let mut line = line.lock().unwrap_or_else(PoisonError::into_inner);
            // A terminal that went away is no reason to end a run.
            let _ = write(&mut line).and_then(|()| line.out.flush());
        }
    }
}

fn cut(text: &str, width: usize) -> String {
    let mut used = 0;
    text.chars()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= width
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Terminal(Arc<Mutex<Vec<u8>>>);

    impl Write for Terminal {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[track_caller]
    fn check(width: Option<usize>, act: impl Fn(&Progress), expected: &str) {
        let terminal = Terminal::default();
        act(&Progress::on(terminal.clone(), Style { width, colour: false }));
        assert_eq!(String::from_utf8(terminal.0.lock().unwrap().clone()).unwrap(), expected);
    }

    #[test]
    fn one_line_is_rewritten_and_cleared_once() {
        let twice = |progress: &Progress| {
            progress.clear();
            progress.show("1 s of 9 s");
            progress.show("2 s of 9 s");
            progress.clear();
            progress.clear();
        };
        check(Some(80), twice, "\r\x1b[2K1 s of 9 s\r\x1b[2K2 s of 9 s\r\x1b[2K");
        check(None, twice, "");
    }

    #[test]
    fn it_never_takes_a_second_line() {
        check(Some(10), |progress| progress.show("0123456789"), "\r\x1b[2K012345678");
        check(Some(10), |progress| progress.show("中文中文中文"), "\r\x1b[2K中文中文");
        check(Some(10), |progress| progress.show("a\nb\x1b[31m"), "\r\x1b[2Ka\\nb…");
    }
}
