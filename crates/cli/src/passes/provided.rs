//! An instrumentation, and what a build lacks for it. How it is found is told elsewhere.

use std::{borrow::Cow, fmt};

use presentry_rewriter::{
    ChangeKind, FileChange, InlinedInstrumentation, ModulePath, Overlay, Plan as Rewriting, Sources,
    diagnostics::Diagnostic,
};

use crate::{failure::Failure, store::history};

/// Where an instrumentation comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It is in the build.
    Build,
    /// Vite built it, and it was copied nowhere.
    Vite {
        /// The file as the user would write it.
        file: String,
    },
    /// It was compiled.
    Source {
        /// The source as the user would write it.
        file: String,
    },
}

impl Origin {
    /// The file outside of the build that it was made from.
    pub(crate) fn file(&self) -> Option<&str> {
        match self {
            Origin::Build => None,
            Origin::Vite { file } | Origin::Source { file } => Some(file),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Build => f.write_str("as it was built"),
            Origin::Vite { file } => write!(f, "copied from {file}"),
            Origin::Source { file } => write!(f, "compiled from {file}"),
        }
    }
}

/// A file that the build lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewFile {
    /// Its path in the build.
    pub(crate) path: ModulePath,
    /// What it holds.
    pub(crate) bytes: Vec<u8>,
    /// The file that it comes from, as the user would write it.
    pub(crate) from: String,
}

/// An instrumentation, and what has to be added to the build for it.
#[derive(Clone, Debug)]
pub(crate) struct Provided {
    /// Its path in the build.
    pub(crate) path: ModulePath,
    /// Where it comes from.
    pub(crate) origin: Origin,
    /// The files that the build lacks, the instrumentation among them unless it is there.
    pub(crate) files: Vec<NewFile>,
    /// Why it was chosen, for `-v`.
    pub(crate) reasons: Vec<String>,
    /// What speaks against it.
    pub(crate) warnings: Vec<Diagnostic>,
}

impl Provided {
    /// One that is in the build.
    pub(crate) fn built(path: ModulePath) -> Self {
        Self { path, origin: Origin::Build, files: Vec::new(), reasons: Vec::new(), warnings: Vec::new() }
    }

    /// The files as changes of the original build. One of them may be there: what was built is replaced by what was
    /// compiled, where it cannot be used.
    fn changes(&self, original: &dyn Sources, entry: &ModulePath) -> Result<Vec<FileChange>, Failure> {
        let change = |file: &NewFile| {
            let before = history::read(original, &file.path)?;
            let mode_from = before.is_none().then(|| entry.clone());
            let after = Some(file.bytes.clone());
            Ok(FileChange { path: file.path.clone(), kind: ChangeKind::Instrumentation, before, after, mode_from })
        };
        self.files.iter().map(change).collect()
    }

    /// All changes: those of the plan, and the new files.
    pub(crate) fn with_changes(
        &self,
        of_plan: &[FileChange],
        original: &dyn Sources,
        entry: &ModulePath,
    ) -> Result<Vec<FileChange>, Failure> {
        let mut changes = of_plan.to_vec();
        for new in self.changes(original, entry)? {
            match changes.iter_mut().find(|change| change.path == new.path) {
                // The plan was made as if the file had been there.
                Some(change) if change.before == new.after => {
                    *change = FileChange { after: change.after.take(), ..new };
                }
                Some(_) => {}
                None => changes.push(new),
            }
        }
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(changes)
    }

    /// A build with the files in it.
    pub(crate) fn over<'a>(&'a self, build: &'a dyn Sources) -> Overlay<'a> {
        let mut overlay = Overlay::new(build);
        for file in &self.files {
            overlay.set(file.path.clone(), Some(Cow::Borrowed(&file.bytes)));
        }
        overlay
    }
}

/// A plan of the rewriter, and the instrumentation it was made for.
#[derive(Debug)]
pub(crate) struct Planned {
    /// The plan; the new files of the instrumentation are not among its changes.
    pub(crate) plan: Rewriting,
    /// The instrumentation.
    pub(crate) provided: Provided,
    /// What becomes of one that the SDK has put into the entry.
    pub(crate) inlined: InlinedInstrumentation,
}

impl Planned {
    /// What stands for a plan that was refused before it could be made.
    pub(crate) fn refused(instrumentation: &ModulePath, diagnostics: Vec<Diagnostic>) -> Self {
        let (plan, provided) = (Rewriting::refused(diagnostics), Provided::built(instrumentation.clone()));
        Self { plan, provided, inlined: InlinedInstrumentation::TakeOut }
    }
}
