//! What is wrong with settings.

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConfigError {
    /// A variable that is probably a misspelling of ours.
    #[error("environment variable {name}: did you mean {meant}?")]
    Misspelt {
        /// As it is set.
        name: String,
        /// As it should be.
        meant: &'static str,
    },
    /// A variable of ours that is no text.
    #[error("environment variable {0} is not valid UTF-8")]
    NotText(&'static str),
    /// A value that is not allowed.
    #[error("{setting}: {value} is not allowed: {allowed}")]
    Invalid {
        /// The flag and the variable.
        setting: String,
        /// What was given, in quotes: bounded, inert, and without credentials.
        value: String,
        /// What may be given.
        allowed: String,
    },
    /// A secret that cannot be used.
    #[error("{0}: its value, which is not shown, cannot be used: {1}")]
    Secret(&'static str, &'static str),
}

/// Every setting that cannot be used, in one go.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub(crate) struct ConfigErrors(pub Vec<ConfigError>);
