//! Entries that ask whether they are what the process was started with: behind the facade they have another URL, and are
//! given that of the facade.

use presentry_parser::{ImportMeta, Span};

use crate::{
    diagnostics::{Diagnostic, codes},
    edits::TextEdit,
    graph::Module,
    sources::ModulePath,
    specifier::{literal, string_literal},
};

/// What an entry reads of `import.meta` to know whether it is the main module.
pub(crate) struct MainChecks {
    metas: Vec<ImportMeta>,
}

/// The reads of an entry that compares itself with `process.argv`, or asks `import.meta.main`; `None` where it does not.
pub(crate) fn main_checks(entry: &Module) -> Option<MainChecks> {
    let record = &entry.record;
    let reads = |names: &[&str]| {
        let named = |meta: &&ImportMeta| meta.property.as_deref().is_some_and(|name| names.contains(&name));
        record.import_metas.iter().any(|meta| named(&meta))
    };
    let compares = !record.main_checks.is_empty() || entry.text.contains("argv");
    let hands_out = record.import_metas.iter().any(|meta| meta.property.is_none());
    let asks = reads(&["main"]) || compares && reads(&["url", "filename"]) || hands_out;
    let of_place = |meta: &&ImportMeta| matches!(meta.property.as_deref(), None | Some("main" | "url" | "filename"));
    asks.then(|| MainChecks { metas: record.import_metas.iter().filter(of_place).cloned().collect() })
}

impl MainChecks {
    /// The edits that give the moved entry what the facade in its place would read. What stands behind them on their lines
    /// moves.
    pub(crate) fn edits(&self, entry: &Module, moved: &ModulePath) -> Vec<TextEdit> {
        let url = format!("new URL({}, import.meta.url).href", literal(moved, &entry.path));
        let name = string_literal(entry.path.file_name());
        let length = moved.file_name().encode_utf16().count();
        let filename = format!("(import.meta.filename?.slice(0, -{length}) + {name})");
        let main = format!("globalThis[Symbol.for({} + {url})]", string_literal(MAIN));
        let text = |meta: &ImportMeta| match meta.property.as_deref() {
            Some("url") => url.clone(),
            Some("filename") => filename.clone(),
            Some("main") => main.clone(),
            _ => format!("({{ ...import.meta, url: {url}, filename: {filename}, main: {main} }})"),
        };
        self.metas.iter().map(|meta| TextEdit { span: meta.span, replacement: text(meta) }).collect()
    }

    /// Whether the facade has to tell whether it is the main module.
    pub(crate) fn needs_main(&self) -> bool {
        self.metas.iter().any(|meta| matches!(meta.property.as_deref(), None | Some("main")))
    }

    /// The warning for an `import.meta` that is handed to other code, which gets a copy.
    pub(crate) fn cannot_be_kept(&self, entry: &Module) -> Option<Diagnostic> {
        let whole = self.metas.iter().find(|meta| meta.property.is_none())?;
        let span = Span { start: whole.span.start, end: whole.span.end };
        Some(codes::entry_asks_if_main(entry, span))
    }
}

/// What the symbol begins with under which a facade tells whether it is the main module; its URL follows.
pub(crate) const MAIN: &str = "presentry.main ";
