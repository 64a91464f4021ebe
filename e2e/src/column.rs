//! The columns of a report: whose build is judged. A row for each; what makes and starts the builds is in `columns`.

use serde::Deserialize;

/// Whose build a check looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Column {
    /// The one that was rewritten, with the SDK in its packages.
    Presentry,
    /// The one that was rewritten as it is by default, and pruned.
    Bundled,
    /// The one that the SDK wrapped on its own.
    Sdk,
}

impl Column {
    /// All of them, in the order of a report.
    pub const ALL: [Column; 3] = [Column::Presentry, Column::Bundled, Column::Sdk];

    /// What a program calls it.
    pub const fn key(self) -> &'static str {
        match self {
            Column::Presentry => "presentry",
            Column::Bundled => "bundled",
            Column::Sdk => "sdk",
        }
    }

    /// What a reader is shown: for ours, the command that makes the build.
    pub const fn title(self) -> &'static str {
        match self {
            Column::Presentry => "presentry --no-bundle-sdk",
            Column::Bundled => "presentry --prune",
            Column::Sdk => "SDK alone",
        }
    }

    /// Whether it counts: presentry has made the build.
    pub const fn is_ours(self) -> bool {
        !matches!(self, Column::Sdk)
    }
}
