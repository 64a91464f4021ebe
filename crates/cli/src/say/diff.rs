//! Steps as a unified diff, in the form that `git apply` reads.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use similar::TextDiff;

use crate::{paths::OutputPath, printable::is_hidden, store::steps::Step};

/// The diff of all steps. `copies` names the files whose new contents come from another file, which are shown as what
/// they differ from it; paths are relative to the server directory.
pub(crate) fn of_steps<'s>(steps: impl Iterator<Item = &'s Step>, copies: &BTreeMap<OutputPath, OutputPath>) -> String {
    let mut diff = String::new();
    let steps: Vec<&Step> = steps.collect();
    for &step in &steps {
        let source = copies.get(&step.path).and_then(|source| {
            let bytes = steps.iter().find(|step| step.path == *source)?.bytes_before.as_deref()?;
            Some((source, bytes))
        });
        match source {
            Some((source, bytes)) if step.before.is_none() => copied(&mut diff, source, bytes, step),
            _ => changed(&mut diff, step),
        }
    }
    diff
}

fn copied(diff: &mut String, source: &OutputPath, before: &[u8], step: &Step) {
    let path = &step.path;
    let (old, new) = (named("a", source), named("b", path));
    // Without the side, which is two bytes behind a quote or at the beginning.
    let bare = |name: &str| name.replacen(['a', 'b'], "", 1).replacen('/', "", 1);
    write!(diff, "diff --git {old} {new}\ncopy from {}\ncopy to {}\n", bare(&old), bare(&new)).expect(INFALLIBLE);
    let after = step.after.bytes().unwrap_or_default();
    if before != after {
        lines(diff, before, after, &old, &new);
    }
}

fn changed(diff: &mut String, step: &Step) {
    let path = &step.path;
    let (a, b) = (named("a", path), named("b", path));
    writeln!(diff, "diff --git {a} {b}").expect(INFALLIBLE);
    let (before, after) = (step.bytes_before.as_deref(), step.after.bytes());
    if [before, after].into_iter().flatten().any(is_binary) {
        writeln!(diff, "Binary files {a} and {b} differ").expect(INFALLIBLE);
        return;
    }
    let old = if before.is_some() { a } else { "/dev/null".to_owned() };
    let new = if after.is_some() { b } else { "/dev/null".to_owned() };
    let is_too_long = |bytes: Option<&[u8]>| bytes.is_some_and(|bytes| bytes.len() > LONGEST);
    match (before, after) {
        // Nobody reads a bundle in a diff.
        (None, after) if is_too_long(after) => {
            writeln!(diff, "new file mode 100644\nBinary files {old} and {new} differ").expect(INFALLIBLE);
            return;
        }
        (before, None) if is_too_long(before) => {
            writeln!(diff, "deleted file mode 100644\nBinary files {old} and {new} differ").expect(INFALLIBLE);
            return;
        }
        (None, _) => diff.push_str("new file mode 100644\n"),
        (_, None) => diff.push_str("deleted file mode 100644\n"),
        _ => {}
    }
    lines(diff, before.unwrap_or_default(), after.unwrap_or_default(), &old, &new);
}

/// The name of a file in a header, as git quotes it (`quote_c_style` of `quote.c`), so that it stays on its line.
fn named(side: &str, path: &OutputPath) -> String {
    let name = format!("{side}/{path}");
    if !name.chars().any(|character| is_hidden(character) || matches!(character, '"' | '\\')) {
        return name;
    }
    let mut quoted = String::from("\"");
    for character in name.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            _ if is_hidden(character) => {
                let bytes =
                    character.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("\\{byte:03o}")).collect::<String>();
                quoted.push_str(&bytes);
            }
            _ => quoted.push(character),
        }
    }
    quoted + "\""
}

/// A file that is longer, in bytes, is not shown when the whole of it is new or goes.
const LONGEST: usize = 64 * 1024;

/// As `git` tells: a zero among the first 8000 bytes.
fn is_binary(bytes: &[u8]) -> bool {
    bytes[..bytes.len().min(8000)].contains(&0)
}

const INFALLIBLE: &str = "writing to a string cannot fail";

/// How long the shortest diff is looked for. What is found until then is a diff as well.
const SEARCH: Duration = Duration::from_millis(200);

fn lines(diff: &mut String, before: &[u8], after: &[u8], old: &str, new: &str) {
    let (before, after) = (String::from_utf8_lossy(before), String::from_utf8_lossy(after));
    // A carriage return alone ends no line for git.
    let (before, after): (Vec<&str>, Vec<&str>) =
        (before.split_inclusive('\n').collect(), after.split_inclusive('\n').collect());
    let lines = TextDiff::configure().newline_terminated(true).timeout(SEARCH).diff_slices(&before, &after);
    write!(diff, "{}", lines.unified_diff().header(old, new)).expect(INFALLIBLE);
}
