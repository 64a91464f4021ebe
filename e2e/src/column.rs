//! The columns of a report: whose build is judged. A row for each; what makes and starts the builds is in `columns`.

use serde::Deserialize;

/// Whose build a check looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Column {
    /// The one that was rewritten, with the SDK in its packages.
    Presentry,
    /// The one that was rewritten with the SDK bundled, and pruned.
    Bundled,
    /// The same with the libraries injected ahead of time, where the SDK injects channels.
    Ahead,
    /// The one that the SDK wrapped on its own.
    Sdk,
}

impl Column {
    /// All of them, in the order of a report.
    pub const ALL: [Column; 4] = [Column::Presentry, Column::Bundled, Column::Ahead, Column::Sdk];

    /// What a program calls it.
    pub const fn key(self) -> &'static str {
        match self {
            Column::Presentry => "presentry",
            Column::Bundled => "bundled",
            Column::Ahead => "ahead",
            Column::Sdk => "sdk",
        }
    }

    /// What a reader is shown: for ours, the command that makes the build. Where the SDK injects channels, the first two have
    /// `--no-instrument-ahead` as well.
    pub const fn title(self) -> &'static str {
        match self {
            Column::Presentry => "presentry --no-bundle-sdk",
            Column::Bundled => "presentry --prune",
            Column::Ahead => "presentry --instrument-ahead --prune",
            Column::Sdk => "SDK alone",
        }
    }

    /// Whether it counts: presentry has made the build.
    pub const fn is_ours(self) -> bool {
        !matches!(self, Column::Sdk)
    }
}
