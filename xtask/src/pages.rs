//! What a page of Markdown links to and what can be linked in it. Reads text; files are others' business.

use std::collections::BTreeMap;
use std::ops::Range;

use pulldown_cmark::{CowStr, Event, LinkType, Options, Parser, Tag, TagEnd};

/// A link or picture of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// All of it, in bytes of the page.
    pub(crate) range: Range<usize>,
    /// Where it leads, as it is written.
    pub(crate) target: String,
    /// What is shown, as plain text.
    pub(crate) text: String,
}

/// A piece of a page that a table of contents is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A heading, with its level.
    Heading(usize, String),
    /// A link or picture.
    Link(Link),
}

/// The file that a link leads to, and the place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// From the root of the repository, with `/`.
    pub(crate) file: String,
    /// Behind `#`.
    pub(crate) anchor: Option<String>,
}

/// Headings and links, as they come.
pub(crate) fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut heading: Option<(usize, String)> = None;
    let mut link: Option<Link> = None;
    for (event, range) in parser(text).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => heading = Some((level as usize, String::new())),
            Event::End(TagEnd::Heading(_)) => {
                pieces.extend(heading.take().map(|(level, text)| Piece::Heading(level, text)));
            }
            Event::Start(Tag::Link { dest_url, link_type, .. }) if link_type != LinkType::Autolink => {
                link = Some(Link { range, target: dest_url.into_string(), text: String::new() });
            }
            Event::Start(Tag::Image { dest_url, .. }) => {
                link = Some(Link { range, target: dest_url.into_string(), text: String::new() });
            }
            Event::End(TagEnd::Link | TagEnd::Image) => pieces.extend(link.take().map(Piece::Link)),
            Event::Text(words) | Event::Code(words) => add(&words, &mut heading, &mut link),
            Event::SoftBreak | Event::HardBreak => add(&CowStr::Borrowed(" "), &mut heading, &mut link),
            _ => {}
        }
    }
    pieces
}

fn add(words: &str, heading: &mut Option<(usize, String)>, link: &mut Option<Link>) {
    if let Some((_, text)) = heading {
        text.push_str(words);
    }
    if let Some(link) = link {
        link.text.push_str(words);
    }
}

/// The links and pictures of a page.
pub(crate) fn links(text: &str) -> Vec<Link> {
    let link = |piece| match piece {
        Piece::Link(link) => Some(link),
        Piece::Heading(..) => None,
    };
    pieces(text).into_iter().filter_map(link).collect()
}

/// What can stand behind `#` in a link to this page, as GitHub and mdBook name it.
pub(crate) fn anchors(text: &str) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = Vec::new();
    for piece in pieces(text) {
        let Piece::Heading(_, heading) = piece else { continue };
        let slug = slug(&heading);
        let count = seen.entry(slug.clone()).or_default();
        anchors.push(if *count == 0 { slug } else { format!("{slug}-{count}") });
        *count += 1;
    }
    anchors
}

fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|it| it.is_alphanumeric() || [' ', '-', '_'].contains(it));
    kept.flat_map(char::to_lowercase).map(|it| if it == ' ' { '-' } else { it }).collect()
}

/// What `target` means on the page `page`; nothing where it leads elsewhere on the web.
pub(crate) fn resolve(page: &str, target: &str) -> Option<Target> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = match target.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor.to_owned())),
        None => (target, None),
    };
    if path.is_empty() {
        return Some(Target { file: page.to_owned(), anchor });
    }
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            // What leads out of the repository stays a path that no file has.
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    Some(Target { file: parts.join("/"), anchor })
}

fn parser(text: &str) -> Parser<'_> {
    Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_GFM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_prose_tables_and_pictures_are_found_and_code_is_not() {
        let page = "# A `b`\n\n[one](a.md) ![two](b.svg)\n\n| x |\n|---|\n| [three\nfour](c.md#d) |\n\n`[no](x.md)`\n\n```\n[no](y.md)\n```\n";
        let found: Vec<(String, String)> = links(page).into_iter().map(|it| (it.text, it.target)).collect();
        let wanted = [("one", "a.md"), ("two", "b.svg")].map(|(text, target)| (text.to_owned(), target.to_owned()));
        assert_eq!(found, wanted);
        assert_eq!(links("| x |\n|---|\n| [three](c.md#d) |\n").len(), 1);
        assert_eq!(&page[links(page)[0].range.clone()], "[one](a.md)");
    }

    #[test]
    fn anchors_are_those_of_github() {
        let page = "# What *proven* means\n\n## `--import`, and more\n\n## Twice\n\n## Twice\n";
        assert_eq!(anchors(page), ["what-proven-means", "--import-and-more", "twice", "twice-1"]);
    }

    #[test]
    fn targets_are_relative_to_their_page() {
        let file = |page, target| resolve(page, target).map(|target| target.file);
        assert_eq!(file("docs/a.md", "b.md").as_deref(), Some("docs/b.md"));
        assert_eq!(file("docs/a.md", "../x/c.md").as_deref(), Some("x/c.md"));
        assert_eq!(file("docs/a.md", "#here").as_deref(), Some("docs/a.md"));
        assert_eq!(file("a.md", "../x.md").as_deref(), Some("../x.md"));
        assert_eq!(resolve("a.md", "https://example.com/a.md"), None);
        assert_eq!(resolve("a.md", "b.md#c").unwrap().anchor.as_deref(), Some("c"));
    }
}
