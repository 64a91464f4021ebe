//! Which source a place of a built module comes from, by the source map beside it. A map that cannot be used is ignored.

use std::path::{Component, Path, PathBuf};

use presentry_rewriter::diagnostics::Label;
use sourcemap::SourceMap;

/// The source of a place in a module of the build, relative to the directory of the app where it lies below it.
pub(crate) fn source_of(server: &Path, app: &Path, label: &Label) -> Option<String> {
    let module = server.join(&label.path);
    let map = std::fs::read(module.with_file_name(format!("{}.map", module.file_name()?.to_str()?))).ok()?;
    let map = SourceMap::from_slice(&map).ok()?;
    let [line, column] = [label.position.line, label.position.column].map(|number| u32::try_from(number - 1).ok());
    let source = map.lookup_token(line?, column?)?.get_source()?.to_owned();
    let file = without_parents(&module.parent()?.join(&source));
    let app = dunce::canonicalize(app).ok()?;
    Some(file.strip_prefix(&app).map_or(source, crate::paths::show))
}

/// A path without `..`, whether or not it is there.
pub(crate) fn without_parents(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}
